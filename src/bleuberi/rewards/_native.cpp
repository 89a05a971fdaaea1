// BLEU and ROUGE-L in one pass over UTF-8. Knows texts and counts; knows nothing of models, files or trainers.
//
// The numbers and their order of operations are those of bleu_python.py and rouge.py: the two back ends give equal
// bits. Tokens are interned and n-grams are numbered exactly (no hash stands for a text), rows are scored on threads
// without the GIL.

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

namespace {

using std::size_t;
using std::string_view;
using u8 = uint8_t;
using u32 = uint32_t;
using u64 = uint64_t;

constexpr u32 NONE = 0xFFFFFFFFu;
constexpr int ORDERS = 4;
constexpr size_t MAX_TEXT_BYTES = size_t(1) << 29;  // node numbers have 32 bits

enum Metric { BLEU = 0, ROUGE = 1 };
enum Flags { PLAIN_UNIGRAMS = 1, CLOSEST_LENGTH = 2 };

// ---------------------------------------------------------------------------------------------------------- texts

struct Text {
    const void* data = nullptr;
    size_t length = 0;
    int kind = 0;  // 0: bytes of UTF-8; else the width of CPython's code points
};

template <class Char>
void append_utf8(const Char* points, size_t length, std::string& out) {
    for (size_t i = 0; i < length; ++i) {
        const u32 c = points[i];
        if (c < 0x80) {
            out.push_back(char(c));
        } else if (c < 0x800) {
            out.push_back(char(0xC0 | c >> 6));
            out.push_back(char(0x80 | (c & 0x3F)));
        } else if (c < 0x10000) {  // lone surrogates too, as "surrogatepass" writes them
            out.push_back(char(0xE0 | c >> 12));
            out.push_back(char(0x80 | (c >> 6 & 0x3F)));
            out.push_back(char(0x80 | (c & 0x3F)));
        } else {
            out.push_back(char(0xF0 | c >> 18));
            out.push_back(char(0x80 | (c >> 12 & 0x3F)));
            out.push_back(char(0x80 | (c >> 6 & 0x3F)));
            out.push_back(char(0x80 | (c & 0x3F)));
        }
    }
}

string_view as_utf8(const Text& text, std::string& buffer) {
    if (text.kind == 0) return {static_cast<const char*>(text.data), text.length};
    buffer.clear();
    if (text.kind == 1) append_utf8(static_cast<const Py_UCS1*>(text.data), text.length, buffer);
    if (text.kind == 2) append_utf8(static_cast<const Py_UCS2*>(text.data), text.length, buffer);
    if (text.kind == 4) append_utf8(static_cast<const Py_UCS4*>(text.data), text.length, buffer);
    return buffer;
}

size_t position_of(string_view text, string_view needle, size_t from) {
    while (from + needle.size() <= text.size()) {
        const void* hit = std::memchr(text.data() + from, needle[0], text.size() - needle.size() + 1 - from);
        if (!hit) break;
        from = size_t(static_cast<const char*>(hit) - text.data());
        if (std::memcmp(text.data() + from, needle.data(), needle.size()) == 0) return from;
        ++from;
    }
    return string_view::npos;
}

// Replace every `needle` by something shorter, left to right, once.
string_view replaced(string_view text, string_view needle, string_view by, std::string& buffer) {
    size_t hit = position_of(text, needle, 0);
    if (hit == string_view::npos) return text;
    size_t from = 0, end = 0;
    if (text.data() != buffer.data()) buffer.assign(text.data(), text.size());
    char* base = &buffer[0];
    while (hit != string_view::npos) {
        std::memmove(base + end, base + from, hit - from);
        end += hit - from;
        std::memcpy(base + end, by.data(), by.size());
        end += by.size();
        from = hit + needle.size();
        hit = position_of({base, text.size()}, needle, from);
    }
    std::memmove(base + end, base + from, text.size() - from);
    return {base, end + text.size() - from};
}

// ------------------------------------------------------------------------------------------------------ tokenisers

enum Class : u8 { WORD, DIGIT, SPACE, SYMBOL, POINT, DASH, WIDE };

struct Classes {
    u8 of[256] = {};
    char alnum[256] = {};  // the lower-case letter or digit, else 0
    constexpr Classes() {
        for (const char* c = "{|}~[\\]^_`!\"#$%&()*+:;<=>?@/"; *c; ++c) of[u8(*c)] = SYMBOL;
        for (int c = '0'; c <= '9'; ++c) of[c] = DIGIT, alnum[c] = char(c);
        for (int c = 'a'; c <= 'z'; ++c) alnum[c] = char(c), alnum[c - 32] = char(c);
        for (int c = 0x09; c <= 0x0D; ++c) of[c] = SPACE;
        for (int c = 0x1C; c <= 0x20; ++c) of[c] = SPACE;
        of[u8('.')] = of[u8(',')] = POINT;
        of[u8('-')] = DASH;
        of[0xC2] = of[0xE1] = of[0xE2] = of[0xE3] = WIDE;  // first bytes of the white space beyond ASCII
    }
};
constexpr Classes CLASSES;

size_t wide_space(const u8* p, const u8* end) {
    if (end - p >= 2 && p[0] == 0xC2) return p[1] == 0x85 || p[1] == 0xA0 ? 2 : 0;
    if (end - p < 3) return 0;
    if (p[0] == 0xE1) return p[1] == 0x9A && p[2] == 0x80 ? 3 : 0;
    if (p[0] == 0xE3) return p[1] == 0x80 && p[2] == 0x80 ? 3 : 0;
    if (p[0] != 0xE2) return 0;
    if (p[1] == 0x81) return p[2] == 0x9F ? 3 : 0;
    if (p[1] != 0x80) return 0;
    return (p[2] >= 0x80 && p[2] <= 0x8A) || p[2] == 0xA8 || p[2] == 0xA9 || p[2] == 0xAF ? 3 : 0;
}

// The rules of mteval-v13a as one pass. A run of points stands alone point by point; its last one stays with a digit
// behind it when the pairs that the rules form from the left leave it over.
template <class Emit>
void tokenize_13a(string_view text, std::string& buffer, Emit&& emit) {
    text = replaced(text, "<skipped>", "", buffer);
    text = replaced(text, "-\n", "", buffer);
    if (std::memchr(text.data(), '&', text.size())) {
        text = replaced(text, "&quot;", "\"", buffer);
        text = replaced(text, "&amp;", "&", buffer);
        text = replaced(text, "&lt;", "<", buffer);
        text = replaced(text, "&gt;", ">", buffer);
    }
    const u8* const begin = reinterpret_cast<const u8*>(text.data());
    const u8* const end = begin + text.size();
    const u8* start = nullptr;
    const auto flush = [&](const u8* until) {
        if (start) emit(string_view(reinterpret_cast<const char*>(start), size_t(until - start)));
        start = nullptr;
    };
    const auto alone = [&](const u8* at) { emit(string_view(reinterpret_cast<const char*>(at), 1)); };
    const auto digit_at = [&](const u8* at) { return at >= begin && at < end && CLASSES.of[*at] == DIGIT; };
    for (const u8* p = begin; p < end;) {
        switch (CLASSES.of[*p]) {
            case SPACE:
                flush(p++);
                continue;
            case SYMBOL:
                flush(p);
                alone(p++);
                continue;
            case DASH:
                if (!(p > begin && digit_at(p - 1))) break;
                flush(p);
                alone(p++);
                continue;
            case POINT: {
                const u8* after = p + 1;
                while (after < end && CLASSES.of[*after] == POINT) ++after;
                const bool odd = (after - p) % 2, behind_digit = p > begin && digit_at(p - 1);
                const bool attached = digit_at(after) && odd == behind_digit;
                if (attached && after - p == 1) {
                    p = after;
                    continue;
                }
                flush(p);
                for (; p < after - attached; ++p) alone(p);
                if (attached) start = p;
                p = after;
                continue;
            }
            case WIDE: {
                const size_t width = wide_space(p, end);
                if (!width) break;
                flush(p);
                p += width;
                continue;
            }
        }
        if (!start) start = p;
        ++p;
    }
    flush(end);
}

// Lower case as Unicode has it, then runs of a-z and 0-9. Beyond ASCII only U+0130 and U+212A lower to a letter of ASCII.
template <class Emit>
void tokenize_rouge(string_view text, std::string& buffer, Emit&& emit) {
    buffer.clear();
    const auto flush = [&] {
        if (!buffer.empty()) emit(string_view(buffer));
        buffer.clear();
    };
    for (size_t i = 0; i < text.size(); ++i) {
        const char letter = CLASSES.alnum[u8(text[i])];
        if (letter) {
            buffer.push_back(letter);
        } else if (text.compare(i, 3, "\xE2\x84\xAA") == 0) {
            buffer.push_back('k');
            i += 2;
        } else {
            if (text.compare(i, 2, "\xC4\xB0") == 0) buffer.push_back('i');
            flush();
        }
    }
    flush();
}

// ----------------------------------------------------------------------------------------------- numbers for n-grams

constexpr u64 MIX = 0x9E3779B97F4A7C15ull;

u64 mixed(u64 value) {
    value *= MIX;
    return value ^ value >> 32;
}

u64 hash_of(string_view text) {
    u64 hash = text.size();
    const char* p = text.data();
    size_t left = text.size();
    for (; left >= 8; p += 8, left -= 8) {
        u64 part;
        std::memcpy(&part, p, 8);
        hash = mixed(hash ^ part);
    }
    u64 part = 0;
    for (size_t i = 0; i < left; ++i) part |= u64(u8(p[i])) << 8 * i;
    return mixed(hash ^ part);
}

size_t table_size(size_t entries) {
    size_t size = 64;
    while (size < 2 * entries) size *= 2;
    return size;
}

// Tokens -> numbers, by their bytes.
class Vocabulary {
    struct Slot {
        u64 hash;
        u32 offset, length, number;
    };
    std::vector<Slot> slots_;
    std::string bytes_;
    size_t mask_ = 0, used_ = 0;

    // The slot of the token, or the free one where it belongs.
    Slot& slot(u64 hash, string_view token) {
        for (size_t i = hash & mask_;; i = (i + 1) & mask_) {
            Slot& s = slots_[i];
            if (s.number == NONE) return s;
            if (s.hash == hash && s.length == token.size() &&
                std::memcmp(bytes_.data() + s.offset, token.data(), token.size()) == 0)
                return s;
        }
    }

   public:
    void reset(size_t expected) {
        const size_t size = table_size(expected);
        slots_.assign(size, Slot{0, 0, 0, NONE});
        mask_ = size - 1;
        used_ = 0;
        bytes_.clear();
    }
    u32 find(string_view token) const { return const_cast<Vocabulary*>(this)->slot(hash_of(token), token).number; }
    // The number of the token; `next` is used up where it is new.
    u32 add(string_view token, u32& next) {
        const u64 hash = hash_of(token);
        Slot& s = slot(hash, token);
        if (s.number != NONE) return s.number;
        s = Slot{hash, u32(bytes_.size()), u32(token.size()), next};
        bytes_.append(token);
        const u32 number = next++;
        if (++used_ * 2 > mask_) grow();
        return number;
    }
    void grow() {
        std::vector<Slot> old((mask_ + 1) * 2, Slot{0, 0, 0, NONE});
        old.swap(slots_);
        mask_ = slots_.size() - 1;
        for (const Slot& s : old) {
            if (s.number == NONE) continue;
            size_t i = s.hash & mask_;
            while (slots_[i].number != NONE) i = (i + 1) & mask_;
            slots_[i] = s;
        }
    }
    size_t bytes() const { return slots_.capacity() * sizeof(Slot) + bytes_.capacity(); }
};

// N-grams of order 2..4 -> numbers: an n-gram is the number of its first n-1 tokens and that of its last.
class Continuations {
    struct Slot {
        u64 key;
        u32 number;
    };
    std::vector<Slot> slots_;
    size_t mask_ = 0, used_ = 0;

    static u64 key(u32 prefix, u32 token) { return u64(prefix) << 32 | token; }
    Slot& slot(u64 key) {
        for (size_t i = mixed(key) & mask_;; i = (i + 1) & mask_)
            if (slots_[i].number == NONE || slots_[i].key == key) return slots_[i];
    }

   public:
    void reset(size_t expected) {
        const size_t size = table_size(expected);
        slots_.assign(size, Slot{0, NONE});
        mask_ = size - 1;
        used_ = 0;
    }
    u32 find(u32 prefix, u32 token) const {
        return const_cast<Continuations*>(this)->slot(key(prefix, token)).number;
    }
    u32 add(u32 prefix, u32 token, u32& next) {
        Slot& s = slot(key(prefix, token));
        if (s.number != NONE) return s.number;
        s = Slot{key(prefix, token), next};
        const u32 number = next++;
        if (++used_ * 2 > mask_) {
            std::vector<Slot> old((mask_ + 1) * 2, Slot{0, NONE});
            old.swap(slots_);
            mask_ = slots_.size() - 1;
            for (const Slot& moved : old)
                if (moved.number != NONE) slot(moved.key) = moved;
        }
        return number;
    }
    size_t bytes() const { return slots_.capacity() * sizeof(Slot); }
};

struct Buffers {
    std::string utf8, clean;
};

// ------------------------------------------------------------------------------------------------------------ BLEU

// The n-grams of some texts, each with its largest count in one of them.
class NgramIndex {
    struct Node {
        u32 limit, count, text;
        u8 order;
    };
    Vocabulary vocabulary_;
    Continuations continuations_;

    void bump(u32 number, u8 order, u32 text) {
        if (number == nodes.size()) nodes.push_back(Node{0, 0, text, order});
        Node& node = nodes[number];
        if (node.text != text) node.text = text, node.count = 0;
        if (++node.count > node.limit) node.limit = node.count;
    }

   public:
    std::vector<Node> nodes;
    std::vector<size_t> lengths;  // in tokens, of each text

    void build(const Text* texts, size_t count, Buffers& buffers) {
        size_t expected = 0;
        for (size_t i = 0; i < count; ++i) expected += texts[i].length / 4 + 1;
        vocabulary_.reset(expected / 3);
        continuations_.reset(expected * 2);
        nodes.clear();
        lengths.clear();
        u32 next = 0;
        for (u32 text = 0; text < count; ++text) {
            u32 before[ORDERS - 1] = {NONE, NONE, NONE};  // the 1-, 2- and 3-gram that end at the token before
            size_t length = 0;
            tokenize_13a(as_utf8(texts[text], buffers.utf8), buffers.clean, [&](string_view token) {
                u32 now[ORDERS] = {vocabulary_.add(token, next), NONE, NONE, NONE};
                bump(now[0], 1, text);
                for (int n = 1; n < ORDERS && before[n - 1] != NONE; ++n) {
                    now[n] = continuations_.add(before[n - 1], now[0], next);
                    bump(now[n], u8(n + 1), text);
                }
                std::copy(now, now + ORDERS - 1, before);
                ++length;
            });
            lengths.push_back(length);
        }
    }

    // Call `hit(number, order)` for every n-gram of the text that is known here. Returns the text's tokens.
    template <class Hit>
    size_t walk(const Text& text, Buffers& buffers, Hit&& hit) const {
        u32 before[ORDERS - 1] = {NONE, NONE, NONE};
        size_t length = 0;
        tokenize_13a(as_utf8(text, buffers.utf8), buffers.clean, [&](string_view token) {
            u32 now[ORDERS] = {vocabulary_.find(token), NONE, NONE, NONE};
            if (now[0] != NONE) {
                hit(now[0], 1);
                // An n-gram is known only where its last n-1 tokens are: the first gap ends the search.
                for (int n = 1; n < ORDERS && before[n - 1] != NONE; ++n) {
                    now[n] = continuations_.find(before[n - 1], now[0]);
                    if (now[n] == NONE) break;
                    hit(now[n], n + 1);
                }
            }
            std::copy(now, now + ORDERS - 1, before);
            ++length;
        });
        return length;
    }

    size_t bytes() const {
        return vocabulary_.bytes() + continuations_.bytes() + nodes.capacity() * sizeof(Node) +
               lengths.capacity() * sizeof(size_t);
    }
};

constexpr double UNSCORED = std::numeric_limits<double>::quiet_NaN();

double bleu_value(const u64 (&matches)[ORDERS], size_t length, const std::vector<size_t>& lengths, int flags) {
    size_t reference = 0;
    for (const size_t candidate : lengths) {
        if (candidate == 0) continue;
        const auto distance = [&](size_t l) { return l > length ? l - length : length - l; };
        const bool better = (flags & CLOSEST_LENGTH)
                                ? distance(candidate) < distance(reference) ||
                                      (distance(candidate) == distance(reference) && candidate < reference)
                                : candidate < reference;
        if (reference == 0 || better) reference = candidate;
    }
    if (reference == 0) return UNSCORED;
    if (length == 0) return 0.0;
    if ((flags & PLAIN_UNIGRAMS) && matches[0] == 0) return 0.0;
    double log_precision = 0.0;
    for (size_t order = 1; order <= ORDERS; ++order) {
        const double candidates = length >= order ? double(length - order + 1) : 0.0;
        const double added = order == 1 && (flags & PLAIN_UNIGRAMS) ? 0.0 : 1.0;
        log_precision += std::log((double(matches[order - 1]) + added) / (candidates + added)) / ORDERS;
    }
    const double ratio = double(length) / double(reference);
    const double brevity_penalty = ratio > 1.0 ? 1.0 : std::exp(1.0 - 1.0 / ratio);
    return std::exp(log_precision) * brevity_penalty;
}

class BleuScorer {
    struct Found {
        u32 best, count, text;
    };
    NgramIndex response_;
    std::vector<Found> found_;
    std::vector<u32> counts_, touched_;
    std::vector<size_t> lengths_;
    Buffers buffers_;

   public:
    // One response of these references: index the response, so that references are only looked up.
    double once(const Text& response, const Text* references, size_t count, int flags) {
        response_.build(&response, 1, buffers_);
        found_.assign(response_.nodes.size(), Found{0, 0, NONE});
        lengths_.clear();
        for (u32 text = 0; text < count; ++text)
            lengths_.push_back(response_.walk(references[text], buffers_, [&](u32 number, int) {
                Found& f = found_[number];
                if (f.text != text) f.text = text, f.count = 0;
                if (++f.count > f.best) f.best = f.count;
            }));
        u64 matches[ORDERS] = {};
        for (size_t i = 0; i < found_.size(); ++i)
            matches[response_.nodes[i].order - 1] += std::min(found_[i].best, response_.nodes[i].limit);
        return bleu_value(matches, response_.lengths[0], lengths_, flags);
    }

    double compiled(const Text& response, const NgramIndex& references, int flags) {
        if (counts_.size() < references.nodes.size()) counts_.resize(references.nodes.size(), 0);
        u64 matches[ORDERS] = {};
        const size_t length = references.walk(response, buffers_, [&](u32 number, int order) {
            if (counts_[number] == 0) touched_.push_back(number);
            if (counts_[number]++ < references.nodes[number].limit) ++matches[order - 1];
        });
        for (const u32 number : touched_) counts_[number] = 0;
        touched_.clear();
        return bleu_value(matches, length, references.lengths, flags);
    }
};

// --------------------------------------------------------------------------------------------------------- ROUGE-L

class RougeIndex {
    Vocabulary vocabulary_;

   public:
    std::vector<u32> tokens;    // of all texts, one after the other
    std::vector<size_t> starts;  // of each text, and the end
    u32 words = 0;

    void build(const Text* texts, size_t count, Buffers& buffers) {
        size_t expected = 0;
        for (size_t i = 0; i < count; ++i) expected += texts[i].length / 4 + 1;
        vocabulary_.reset(expected / 3);
        tokens.clear();
        starts.assign(1, 0);
        words = 0;
        for (size_t i = 0; i < count; ++i) {
            tokenize_rouge(as_utf8(texts[i], buffers.utf8), buffers.clean,
                           [&](string_view token) { tokens.push_back(vocabulary_.add(token, words)); });
            starts.push_back(tokens.size());
        }
    }
    // The known tokens of the text into `out`. Returns the number of all of its tokens.
    size_t known(const Text& text, Buffers& buffers, std::vector<u32>& out) const {
        size_t length = 0;
        out.clear();
        tokenize_rouge(as_utf8(text, buffers.utf8), buffers.clean, [&](string_view token) {
            const u32 number = vocabulary_.find(token);
            if (number != NONE) out.push_back(number);
            ++length;
        });
        return length;
    }
    size_t bytes() const {
        return vocabulary_.bytes() + tokens.capacity() * sizeof(u32) + starts.capacity() * sizeof(size_t);
    }
};

class RougeScorer {
    RougeIndex references_;
    std::vector<u32> response_;
    std::vector<u64> masks_;
    std::vector<u8> carries_;
    Buffers buffers_;

    // Length of the longest common subsequence, 64 tokens of the reference at a time (Hyyro 2004); a carry for every
    // token of the response links the blocks, so memory grows with the texts and not with their product.
    size_t common(const u32* reference, size_t length) {
        size_t total = 0;
        carries_.assign(response_.size(), 0);
        for (size_t block = 0; block < length; block += 64) {
            const size_t width = std::min<size_t>(64, length - block);
            for (size_t i = 0; i < width; ++i) masks_[reference[block + i]] |= u64(1) << i;
            u64 row = ~u64(0);
            for (size_t j = 0; j < response_.size(); ++j) {
                const u64 match = row & masks_[response_[j]];
                const u64 partial = row + match, sum = partial + carries_[j];
                carries_[j] = u8((partial < row) | (sum < partial));
                row = sum | (row & ~match);
            }
            for (size_t i = 0; i < width; ++i) {
                total += !(row >> i & 1);
                masks_[reference[block + i]] = 0;
            }
        }
        return total;
    }

   public:
    double once(const Text& response, const Text* references, size_t count, int flags) {
        references_.build(references, count, buffers_);
        return compiled(response, references_, flags);
    }
    double compiled(const Text& response, const RougeIndex& references, int) {
        if (references.starts.size() < 2) return UNSCORED;
        const size_t length = references.known(response, buffers_, response_);
        if (masks_.size() < references.words) masks_.resize(references.words, 0);
        double best = 0.0;
        for (size_t i = 0; i + 1 < references.starts.size(); ++i) {
            const size_t tokens = references.starts[i + 1] - references.starts[i];
            const size_t shared = common(references.tokens.data() + references.starts[i], tokens);
            if (shared == 0) continue;
            const double precision = double(shared) / double(length), recall = double(shared) / double(tokens);
            best = std::max(best, 2 * precision * recall / (precision + recall));
        }
        return best;
    }
};

// ---------------------------------------------------------------------------------------------------------- threads

struct Compiled {
    PyObject_HEAD
    int metric;
    NgramIndex* bleu;
    RougeIndex* rouge;
};

struct Row {
    Text response;
    size_t first = 0, count = 0;         // its references in Job::references
    const Compiled* compiled = nullptr;  // or these
};

struct Job {
    std::vector<Row> rows;
    std::vector<Text> references;
    std::vector<double> scores;
    std::atomic<size_t> next{0};
    std::atomic<bool> out_of_memory{false};
    int metric = BLEU, flags = 0;
};

template <class Scorer, class Index>
void score_rows(Job& job, Index* Compiled::* index) {
    constexpr size_t STEP = 4;
    Scorer scorer;
    for (size_t from; (from = job.next.fetch_add(STEP)) < job.rows.size();)
        for (size_t i = from; i < std::min(from + STEP, job.rows.size()); ++i) {
            const Row& row = job.rows[i];
            job.scores[i] = row.compiled
                                ? scorer.compiled(row.response, *(row.compiled->*index), job.flags)
                                : scorer.once(row.response, job.references.data() + row.first, row.count, job.flags);
        }
}

void work(Job& job) {
    try {
        if (job.metric == BLEU) score_rows<BleuScorer>(job, &Compiled::bleu);
        else score_rows<RougeScorer>(job, &Compiled::rouge);
    } catch (const std::bad_alloc&) {
        job.out_of_memory = true;
    } catch (const std::length_error&) {
        job.out_of_memory = true;
    }
}

PyObject* run(Job& job, int threads) {
    PyThreadState* const state = PyEval_SaveThread();
    bool failed = false;
    try {
        job.scores.assign(job.rows.size(), UNSCORED);
        std::vector<std::thread> helpers;
        const size_t useful = job.rows.size() / 8;
        try {
            for (int i = 1; i < threads && size_t(i) <= useful; ++i) helpers.emplace_back([&job] { work(job); });
        } catch (const std::system_error&) {
            // No further thread to be had: those that run do the work.
        }
        work(job);
        for (std::thread& helper : helpers) helper.join();
    } catch (const std::bad_alloc&) {
        failed = true;
    }
    PyEval_RestoreThread(state);
    if (failed || job.out_of_memory) return PyErr_NoMemory();
    PyObject* list = PyList_New(Py_ssize_t(job.scores.size()));
    if (!list) return nullptr;
    for (size_t i = 0; i < job.scores.size(); ++i) {
        PyObject* value = std::isnan(job.scores[i]) ? Py_NewRef(Py_None) : PyFloat_FromDouble(job.scores[i]);
        if (!value) {
            Py_DECREF(list);
            return nullptr;
        }
        PyList_SET_ITEM(list, Py_ssize_t(i), value);
    }
    return list;
}

// ------------------------------------------------------------------------------------------------- Python's objects

// Own references to the objects whose memory is read without the GIL: a caller may change its lists meanwhile.
class Kept {
    std::vector<PyObject*> objects_;

   public:
    Kept() = default;
    Kept(const Kept&) = delete;
    Kept& operator=(const Kept&) = delete;
    ~Kept() {
        for (PyObject* object : objects_) Py_DECREF(object);
    }
    void keep(PyObject* object) {  // takes over a reference
        try {
            objects_.push_back(object);
        } catch (...) {
            Py_DECREF(object);
            throw;
        }
    }
};

bool read_text(PyObject* object, Text& text, Kept& kept) {
    if (!PyUnicode_Check(object)) {
        PyErr_Format(PyExc_TypeError, "expected str, got %.80s", Py_TYPE(object)->tp_name);
        return false;
    }
#if PY_VERSION_HEX < 0x030C0000
    if (PyUnicode_READY(object) < 0) return false;
#endif
    text.data = PyUnicode_DATA(object);
    text.length = size_t(PyUnicode_GET_LENGTH(object));
    text.kind = PyUnicode_IS_ASCII(object) ? 0 : int(PyUnicode_KIND(object));
    if (text.length > MAX_TEXT_BYTES / 4) {
        PyErr_SetString(PyExc_OverflowError, "a text is longer than 134 million characters");
        return false;
    }
    kept.keep(Py_NewRef(object));
    return true;
}

bool read_texts(PyObject* object, std::vector<Text>& texts, Kept& kept) {
    if (PyUnicode_Check(object)) {
        PyErr_SetString(PyExc_TypeError, "expected a sequence of str, got str");
        return false;
    }
    PyObject* const items = PySequence_Tuple(object);
    if (!items) return false;
    kept.keep(items);
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(items); ++i) {
        Text text;
        if (!read_text(PyTuple_GET_ITEM(items, i), text, kept)) return false;
        texts.push_back(text);
    }
    return true;
}

extern PyTypeObject CompiledType;

PyObject* compiled_new(PyTypeObject* type, PyObject* args, PyObject*) {
    int metric;
    PyObject* references;
    if (!PyArg_ParseTuple(args, "iO", &metric, &references)) return nullptr;
    auto* self = reinterpret_cast<Compiled*>(type->tp_alloc(type, 0));
    if (!self) return nullptr;
    self->metric = metric;
    bool ready = false, failed = false;
    try {
        Kept kept;
        std::vector<Text> texts;
        Buffers buffers;
        if (metric == BLEU) self->bleu = new NgramIndex();
        else self->rouge = new RougeIndex();
        ready = read_texts(references, texts, kept);
        if (ready) {
            PyThreadState* const state = PyEval_SaveThread();
            try {
                if (metric == BLEU) self->bleu->build(texts.data(), texts.size(), buffers);
                else self->rouge->build(texts.data(), texts.size(), buffers);
            } catch (const std::bad_alloc&) {
                failed = true;
            }
            PyEval_RestoreThread(state);
        }
    } catch (const std::bad_alloc&) {
        failed = true;
    }
    if (failed) PyErr_NoMemory();
    if (!failed && ready) return reinterpret_cast<PyObject*>(self);
    Py_DECREF(self);
    return nullptr;
}

void compiled_dealloc(PyObject* object) {
    auto* self = reinterpret_cast<Compiled*>(object);
    delete self->bleu;
    delete self->rouge;
    Py_TYPE(object)->tp_free(object);
}

PyObject* compiled_nbytes(PyObject* object, void*) {
    const auto* self = reinterpret_cast<Compiled*>(object);
    return PyLong_FromSize_t(self->bleu ? self->bleu->bytes() : self->rouge->bytes());
}

PyGetSetDef compiled_fields[] = {
    {"nbytes", compiled_nbytes, nullptr, "Bytes of memory held.", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr},
};

PyTypeObject CompiledType = [] {
    PyTypeObject type = {PyVarObject_HEAD_INIT(nullptr, 0)};
    type.tp_name = "bleuberi.rewards._native.Compiled";
    type.tp_basicsize = sizeof(Compiled);
    type.tp_flags = Py_TPFLAGS_DEFAULT;
    type.tp_doc = "References of one prompt, ready for many responses. Compiled(metric, texts).";
    type.tp_new = compiled_new;
    type.tp_dealloc = compiled_dealloc;
    type.tp_getset = compiled_fields;
    return type;
}();

// score(metric, responses, references, threads, flags): references[i] is a sequence of str or a Compiled.
PyObject* score(PyObject*, PyObject* args) {
    PyObject *responses, *references;
    int threads;
    Job job;
    if (!PyArg_ParseTuple(args, "iOOii", &job.metric, &responses, &references, &threads, &job.flags)) return nullptr;
    try {
        Kept kept;
        std::vector<Text> texts;
        if (!read_texts(responses, texts, kept)) return nullptr;
        PyObject* const lists = PySequence_Tuple(references);
        if (!lists) return nullptr;
        kept.keep(lists);
        if (size_t(PyTuple_GET_SIZE(lists)) != texts.size()) {
            PyErr_SetString(PyExc_ValueError, "responses and references differ in number");
            return nullptr;
        }
        job.rows.resize(texts.size());
        for (size_t i = 0; i < texts.size(); ++i) {
            Row& row = job.rows[i];
            row.response = texts[i];
            PyObject* const item = PyTuple_GET_ITEM(lists, Py_ssize_t(i));
            row.first = job.references.size();
            if (PyObject_TypeCheck(item, &CompiledType)) {
                row.compiled = reinterpret_cast<const Compiled*>(item);
                if (row.compiled->metric == job.metric) continue;
                PyErr_SetString(PyExc_ValueError, "references were compiled for another metric");
                return nullptr;
            }
            if (!read_texts(item, job.references, kept)) return nullptr;
            row.count = job.references.size() - row.first;
        }
        return run(job, threads);
    } catch (const std::bad_alloc&) {
        return PyErr_NoMemory();
    }
}

// A buffer of Arrow: 64-bit offsets (n + 1 of them), or text.
struct Buffer {
    Py_buffer view = {};
    ~Buffer() {
        if (view.obj) PyBuffer_Release(&view);
    }
    const int64_t* offsets() const { return static_cast<const int64_t*>(view.buf); }
    int64_t entries() const { return view.len / int64_t(sizeof(int64_t)) - 1; }
};

bool ascending(const Buffer& offsets, int64_t end) {
    if (offsets.entries() < 0 || offsets.offsets()[0] < 0) return false;
    for (int64_t i = 0; i < offsets.entries(); ++i)
        if (offsets.offsets()[i] > offsets.offsets()[i + 1]) return false;
    return offsets.offsets()[offsets.entries()] <= end;
}

// score_arrow(metric, response offsets, response bytes, list offsets, reference offsets, reference bytes, threads, flags)
PyObject* score_arrow(PyObject*, PyObject* args) {
    Buffer at, text, lists, reference_at, reference_text;
    int threads;
    Job job;
    if (!PyArg_ParseTuple(args, "iy*y*y*y*y*ii", &job.metric, &at.view, &text.view, &lists.view, &reference_at.view,
                          &reference_text.view, &threads, &job.flags))
        return nullptr;
    const int64_t base = lists.entries() < 0 ? 0 : lists.offsets()[0];  // a slice's lists begin within their parent's
    if (!ascending(at, text.view.len) || !ascending(lists, base + reference_at.entries()) ||
        !ascending(reference_at, reference_text.view.len) || lists.entries() != at.entries()) {
        PyErr_SetString(PyExc_ValueError, "the offsets do not fit their buffers");
        return nullptr;
    }
    try {
        const auto slice = [](const Buffer& offsets, const Buffer& bytes, int64_t i) {
            const int64_t from = offsets.offsets()[i];
            return Text{static_cast<const char*>(bytes.view.buf) + from, size_t(offsets.offsets()[i + 1] - from), 0};
        };
        job.references.reserve(size_t(reference_at.entries()));
        for (int64_t i = 0; i < reference_at.entries(); ++i)
            job.references.push_back(slice(reference_at, reference_text, i));
        job.rows.resize(size_t(at.entries()));
        for (int64_t i = 0; i < at.entries(); ++i) {
            job.rows[i].response = slice(at, text, i);
            job.rows[i].first = size_t(lists.offsets()[i] - base);
            job.rows[i].count = size_t(lists.offsets()[i + 1] - lists.offsets()[i]);
        }
        return run(job, threads);
    } catch (const std::bad_alloc&) {
        return PyErr_NoMemory();
    }
}

// tokens(metric, text): what the metric counts, as bytes of UTF-8.
PyObject* tokens(PyObject*, PyObject* args) {
    int metric;
    PyObject* object;
    if (!PyArg_ParseTuple(args, "iO", &metric, &object)) return nullptr;
    try {
        Kept kept;
        Text text;
        Buffers buffers;
        if (!read_text(object, text, kept)) return nullptr;
        std::vector<std::string> found;
        const auto emit = [&](string_view token) { found.emplace_back(token); };
        if (metric == BLEU) tokenize_13a(as_utf8(text, buffers.utf8), buffers.clean, emit);
        else tokenize_rouge(as_utf8(text, buffers.utf8), buffers.clean, emit);
        PyObject* list = PyList_New(Py_ssize_t(found.size()));
        for (size_t i = 0; list && i < found.size(); ++i) {
            PyObject* token = PyBytes_FromStringAndSize(found[i].data(), Py_ssize_t(found[i].size()));
            if (token) PyList_SET_ITEM(list, Py_ssize_t(i), token);
            else Py_CLEAR(list);
        }
        return list;
    } catch (const std::bad_alloc&) {
        return PyErr_NoMemory();
    }
}

PyMethodDef methods[] = {
    {"score", score, METH_VARARGS, "score(metric, responses, references, threads, flags) -> list[float | None]"},
    {"score_arrow", score_arrow, METH_VARARGS, "score() over the buffers of Arrow's large strings and lists."},
    {"tokens", tokens, METH_VARARGS, "tokens(metric, text) -> list[bytes]"},
    {nullptr, nullptr, 0, nullptr},
};

int execute(PyObject* module) { return PyModule_AddType(module, &CompiledType); }

PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(execute)}, {0, nullptr}};

PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_native", "BLEU and ROUGE-L, compiled.", 0, methods, slots, nullptr, nullptr, nullptr,
};

}  // namespace

PyMODINIT_FUNC PyInit__native() { return PyModuleDef_Init(&definition); }
