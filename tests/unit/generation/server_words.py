"""Errors of servers in use, as their users quote them in public reports: what each means for the row."""

TOO_LONG = (
    # OpenAI, DeepSeek, xAI, OpenRouter
    "This model's maximum context length is 4097 tokens. However, your messages resulted in 5001 tokens.",
    "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 300123 tokens.",
    "Your input exceeds the context window of this model. Please adjust your input and try again.",
    "Invalid 'messages[0].content': string too long. code: string_above_max_length",
    "This model's maximum prompt length is 131072 but the request contains 200000 tokens.",
    "This endpoint's maximum context length is 204800 tokens. However, you requested about 309977 tokens.",
    # vLLM, by version
    "You passed 5001 input tokens and requested 512 output tokens. However, the model's context length is only 4096 "
    "tokens, resulting in a maximum input length of 3584 tokens.",
    "The decoder prompt (length 5001) is longer than the maximum model length of 4096.",
    "'max_tokens' or 'max_completion_tokens' is too large: 512. This model's maximum context length is 4096 tokens and "
    "your request has 4000 input tokens",
    # SGLang
    "The input (5000 tokens) is longer than the model's context length (4096 tokens).",
    "Requested token count exceeds the model's maximum context length of 4096 tokens.",
    "Input length (5000 tokens) exceeds the maximum allowed length (4090 tokens).",
    # TGI
    "`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 4000 `inputs` tokens and 512 `max_new_tokens`",
    "`inputs` must have less than 1024 tokens. Given: 5000",
    # Anthropic, Gemini, Mistral, Cohere, Perplexity, Moonshot, Bedrock
    "prompt is too long: 210000 tokens > 200000 maximum",
    "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
    "too many tokens: size limit exceeded by 19296 tokens. Try using shorter or fewer inputs.",
    "The total length of all messages is too long.",
    "Invalid request: Your request exceeded model token limit: 262144 (requested: 566084)",
    "Input is too long for requested model.",
    # llama.cpp, LM Studio, Ollama, MLC, TensorRT-LLM and others on one's own machine
    "the request exceeds the available context size, try increasing it",
    "Trying to keep the first 5001 tokens when context the overflows. However, the model is loaded with context length "
    "of only 4096 tokens",
    "The number of tokens to keep from the initial prompt is greater than the context length.",
    "prompt too long; exceeded max context length by 904 tokens",
    "Request prompt has 5001 tokens in total, larger than the model context window size 4096.",
    "Prompt length (5001) exceeds max_input_len (4096).",
    "Prompt too long: 5152 tokens exceeds max_seq_len 2048 (leave room for output tokens)",
    # DashScope, Zhipu, Groq
    "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30720]",
    "Prompt exceeds max length",
    "Please reduce the length of the messages or completion.",
    "Request too large for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, Requested 63000. The "
    "input or output tokens must be reduced in order to run successfully.",
)  # fmt: skip

NOT_TOO_LONG = (
    "max_tokens is too large: 100000. This model supports at most 16384 completion tokens, whereas you asked 100000.",
    "Requested max_tokens exceeds the model output limit",
    "Current token count exceeds your organization quota",
    "Too many tokens, please wait before trying again.",
    "Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29000, Requested 4000.",
    "System role not supported",
    "Too many requests",
    "The model `strong` does not exist",
    "Invalid value for 'messages': expected a list",
)

MODERATED = (
    (400, {"code": "data_inspection_failed", "message": "Input data may contain inappropriate content."}),
    (400, {"message": "<400> InternalError.Algo.DataInspectionFailed: Input text data may contain inappropriate "
                      "content."}),
    (400, {"code": "invalid_prompt", "message": "Invalid prompt: your prompt was flagged as potentially violating our "
                                                "usage policy. Please try again with a different prompt."}),
    (400, {"code": "invalid_prompt", "message": "Sorry! We've encountered an issue with repetitive patterns in your "
                                                "prompt. Please try again with a different prompt."}),
    (400, {"message": "Detected an error in the prompt. Please try again with a different prompt."}),
    (400, {"code": "content_filter", "message": "The response was filtered due to the prompt triggering Azure OpenAI's "
                                                "content management policy.",
           "innererror": {"code": "ResponsibleAIPolicyViolation"}}),
    (400, {"message": "Request blocked", "status": "PROHIBITED_CONTENT"}),
    (403, {"message": "Your chosen model requires moderation and your input was flagged",
           "metadata": {"reasons": ["self-harm"], "flagged_input": "..."}}),
    (400, {"message": "Content Exists Risk", "type": "invalid_request_error"}),
    (400, {"message": "The request was rejected because it was considered high risk", "type": "content_filter"}),
    (400, {"message": "Output blocked by content filtering policy"}),
    (400, {"code": "1301", "message": "系统检测到输入或生成内容可能包含不安全或敏感内容"}),
    (403, {"message": "Content violates usage guidelines. Team: 1, API key ID: 2, Failed check: SAFETY_CHECK"}),
    (400, {"message": "Guardrail intervened and blocked the request"}),
    (422, {"message": "input new_sensitive (1026)"}),
    (451, {"message": "Unavailable"}),
    (200, {"code": 403, "message": "Your input was flagged by the moderation of the provider"}),
)  # fmt: skip

ENDS = (
    (401, {"message": "Incorrect API key provided"}, "variable THE_KEY"),
    (402, {"message": "Insufficient credits. Add more using your account's page"}, "Top up"),
    (404, {"message": "The model `strong` does not exist"}, "Check --model"),
    (405, {"message": "Method Not Allowed"}, "under /v1"),
    (307, {}, "as --base_url"),
    (407, {"message": "Proxy Authentication Required"}, "HTTPS_PROXY"),
    (400, {"message": "Your credit balance is too low to access this interface."}, "Top up"),
    (200, {"code": 402, "message": "This request requires more credits"}, "Top up"),
)
FIRST_ROWS = (
    (400, {"message": "System role not supported"}, "--fold_system"),
    (400, {"message": "Conversation roles must alternate user/assistant/user/assistant/..."}, "--fold_system"),
    (400, {"message": "Developer instruction is not enabled for models/gemma-3-27b-it"}, "--fold_system"),
    (403, {"message": "Country, region, or territory not supported"}, "the key in THE_KEY"),
    (422, {"message": "extra fields not permitted"}, "Check --model"),
    (400, {"message": "max_tokens is too large: 100000. This model supports at most 16384 completion tokens"}, "Check"),
)
