"""Our nucleus keeps the tokens that transformers' sorting one keeps."""

import pytest


@pytest.mark.parametrize("spread", [0.1, 1.0, 4.0, 12.0])
@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.999])
def test_keeps_what_transformers_keeps(spread, top_p):
    import torch
    from transformers import TopPLogitsWarper

    from bleuberi.generation.nucleus import Nucleus

    scores = spread * torch.randn(6, 5000, generator=torch.Generator().manual_seed(int(10 * spread + 100 * top_p)))
    ours = Nucleus(top_p)(None, scores)
    theirs = TopPLogitsWarper(top_p)(None, scores)
    differing = (ours.isinf() != theirs.isinf()).sum(dim=-1)
    # Both add up some thousand floats, in opposite directions: the last token at the edge may go either way.
    assert differing.max() <= (3 if top_p > 0.99 else 1)
    assert torch.equal(ours[~ours.isinf()], scores[~ours.isinf()])


def test_one_token_always_stays():
    import torch

    from bleuberi.generation.nucleus import Nucleus

    scores = torch.full((1, 2000), -50.0)
    scores[0, 7] = 50.0
    assert (~Nucleus(0.01)(None, scores).isinf()).nonzero().tolist() == [[0, 7]]
