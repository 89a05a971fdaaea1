// BLEU and ROUGE-L in one pass over UTF-8. Knows texts and counts; knows nothing of models, files or trainers.
//
// The numbers and their order of operations are those of bleu_python.py and rouge_python.py: both back ends give equal
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
constexpr size_t MAX_CHARACTERS = size_t(1) << 27;  // the numbers of n-grams have 32 bits
constexpr size_t KEPT_BYTES = size_t(1) << 24;      // more than that is given back after a call

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
                if (!digit_at(p - 1)) break;
                flush(p);
                alone(p++);
                continue;
            case POINT: {
                const u8* after = p + 1;
                while (after < end && CLASSES.of[*after] == POINT) ++after;
                const bool odd = (after - p) % 2, attached = digit_at(after) && odd == digit_at(p - 1);
                if (!attached || after - p > 1) {
                    flush(p);
                    for (; p < after - attached; ++p) alone(p);
                    if (attached) start = p;
                }
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
        while (true) {
            do ++p;
            while (p < end && CLASSES.of[*p] <= DIGIT);
            // Words with one blank between them are the rule: the way through the switch is for all the rest.
            if (end - p < 2 || *p != ' ' || CLASSES.of[p[1]] > DIGIT) break;
            emit(string_view(reinterpret_cast<const char*>(start), size_t(p - start)));
            start = ++p;
        }
    }
    flush(end);
}

// Lower case as Unicode has it, then runs of a-z and 0-9. Beyond ASCII, U+0130 and U+212A alone lower to ASCII letters.
template <class Emit>
void tokenize_rouge(string_view text, std::string& buffer, Emit&& emit) {
    if (buffer.size() < text.size()) buffer.resize(text.size());
    char* const base = &buffer[0];  // lowering never lengthens
    char *start = base, *end = base;
    const auto flush = [&] {
        if (end > start) emit(string_view(start, size_t(end - start)));
        start = end;
    };
    for (size_t i = 0; i < text.size(); ++i) {
        const u8 byte = u8(text[i]);
        if (CLASSES.alnum[byte]) {
            *end++ = CLASSES.alnum[byte];
        } else if (byte == 0xE2 && text.compare(i, 3, "\xE2\x84\xAA") == 0) {
            *end++ = 'k';
            i += 2;
        } else {
            if (byte == 0xC4 && text.compare(i, 2, "\xC4\xB0") == 0) *end++ = 'i';
            flush();
        }
    }
    flush();
}

// ----------------------------------------------------------------------------------------------- numbers for n-grams

u64 mixed(u64 value) {
    value *= 0x9E3779B97F4A7C15ull;
    return value ^ value >> 32;
}

size_t table_size(size_t entries) {
    size_t size = 64;
    while (size < 2 * entries) size *= 2;
    return size;
}

// Tokens -> numbers. Up to 8 bytes are compared as one integer; longer tokens keep their bytes.
class Vocabulary {
    struct Slot {
        u64 head;
        u32 length, number;
    };
    struct Token {
        u64 hash;
        size_t offset;
    };
    std::vector<Slot> slots_;
    std::vector<Token> tokens_;  // by number
    std::string bytes_;
    size_t mask_ = 0;

    static u64 head_of(const char* p, size_t n) {  // all bytes of the token, the first 8 of a longer one
        u64 head = 0;
        if (n >= 8) {
            std::memcpy(&head, p, 8);
        } else if (n >= 4) {
            u32 first, last;
            std::memcpy(&first, p, 4);
            std::memcpy(&last, p + n - 4, 4);
            head = u64(last) << 32 | first;
        } else {
            head = u64(u8(p[0])) << 16 | u64(u8(p[n / 2])) << 8 | u8(p[n - 1]);
        }
        return head;
    }
    // The slot of the token, or the free one where it belongs.
    Slot& slot(string_view token, u64 head, u64 hash) {
        for (size_t i = hash & mask_;; i = (i + 1) & mask_) {
            Slot& s = slots_[i];
            if (s.number == NONE) return s;
            if (s.head == head && s.length == token.size() &&
                (token.size() <= 8 ||
                 std::memcmp(bytes_.data() + tokens_[s.number].offset, token.data(), token.size()) == 0))
                return s;
        }
    }
    static u64 hash_of(string_view token, u64 head) {
        u64 hash = mixed(head ^ u64(token.size()) << 56);
        for (size_t i = 8; i < token.size(); i += 8)
            hash = mixed(hash ^ head_of(token.data() + i, std::min<size_t>(8, token.size() - i)));
        return hash;
    }
    void grow() {
        std::vector<Slot> old((mask_ + 1) * 2, Slot{0, 0, NONE});
        old.swap(slots_);
        mask_ = slots_.size() - 1;
        for (const Slot& s : old) {
            if (s.number == NONE) continue;
            size_t i = tokens_[s.number].hash & mask_;
            while (slots_[i].number != NONE) i = (i + 1) & mask_;
            slots_[i] = s;
        }
    }

   public:
    u32 size() const { return u32(tokens_.size()); }
    void reset(size_t bytes_of_text) {
        const size_t size = table_size(bytes_of_text / 10);
        slots_.assign(size, Slot{0, 0, NONE});
        mask_ = size - 1;
        tokens_.clear();
        bytes_.clear();
    }
    u32 find(string_view token) const {
        const u64 head = head_of(token.data(), token.size());
        return const_cast<Vocabulary*>(this)->slot(token, head, hash_of(token, head)).number;
    }
    u32 add(string_view token) {
        const u64 head = head_of(token.data(), token.size()), hash = hash_of(token, head);
        Slot& s = slot(token, head, hash);
        if (s.number != NONE) return s.number;
        s = Slot{head, u32(token.size()), size()};
        tokens_.push_back(Token{hash, bytes_.size()});
        if (token.size() > 8) bytes_.append(token);
        if (2 * tokens_.size() > mask_) grow();
        return size() - 1;
    }
    size_t bytes() const {
        return slots_.capacity() * sizeof(Slot) + tokens_.capacity() * sizeof(Token) + bytes_.capacity();
    }
};

// What is counted for an n-gram in the text at hand; stamps of texts make clearing needless.
struct Count {
    u32 stamp = 0, count = 0, largest = 0;
};

// Where an n-gram ends in its text, and the n-gram's number.
struct Ending {
    u32 at, number;
};

// Memory that is used again and again; vectors but `counts` keep their largest size.
struct Buffers {
    std::string utf8, clean;
    std::vector<u32> tokens;
    std::vector<Ending> endings;
    std::vector<Count> counts;

    u32* room_for_tokens(size_t count) {
        if (tokens.size() < count) tokens.resize(count);
        return tokens.data();
    }
    Ending* room_for_endings(size_t count) {
        if (endings.size() < count) endings.resize(count);
        return endings.data();
    }
    size_t bytes() const { return 16 * tokens.capacity() + sizeof(Count) * counts.capacity(); }
};

// The tokens of a text that have a number, into `out`, which has room for one more than all. Returns how many.
size_t known_tokens(const u32* tokens, size_t length, Ending* out) {
    size_t known = 0;
    for (size_t i = 0; i < length; ++i) {
        out[known] = Ending{u32(i), tokens[i]};  // written always and kept at need: no branch to mispredict
        known += tokens[i] != NONE;
    }
    return known;
}

// The endings of the known n-grams, from those of order n-1: an n-gram is known only where its first tokens are.
template <class Find>
size_t prolonged(const u32* tokens, size_t length, const Ending* from, size_t count, Ending* out, Find&& find) {
    size_t known = 0;
    for (size_t k = 0; k < count; ++k) {
        const Ending ending = from[k];
        if (ending.at + 1 == length || tokens[ending.at + 1] == NONE) continue;
        const u32 number = find(ending.number, tokens[ending.at + 1]);
        out[known] = Ending{ending.at + 1, number};
        known += number != NONE;
    }
    return known;
}

// ------------------------------------------------------------------------------------------------------------ BLEU

// The n-grams of some texts, each with its largest count in one of them. A token's number comes from the vocabulary;
// a longer n-gram's is its place in a table, whose key is the number of all but its last token, and its last token.
class NgramIndex {
    struct Slot {
        u32 prefix, token, limit;
    };
    Vocabulary vocabulary_;
    std::vector<u32> token_limits_;
    std::vector<Slot> slots_;
    size_t mask_ = 0;

    size_t place(u32 prefix, u32 token) const {
        for (size_t i = mixed(u64(prefix) << 32 | token) & mask_;; i = (i + 1) & mask_)
            if (slots_[i].token == NONE || (slots_[i].token == token && slots_[i].prefix == prefix)) return i;
    }

   public:
    std::vector<size_t> lengths;  // in tokens, of each text

    size_t numbers() const { return vocabulary_.size() + slots_.size(); }
    u32 limit(u32 number) const {
        return number < vocabulary_.size() ? token_limits_[number] : slots_[number - vocabulary_.size()].limit;
    }

    void build(const Text* texts, size_t count, Buffers& buffers) {
        size_t bytes = 0;
        for (size_t i = 0; i < count; ++i) bytes += texts[i].length;
        vocabulary_.reset(bytes);
        lengths.clear();
        size_t tokens = 0;
        for (size_t i = 0; i < count; ++i) {
            const string_view text = as_utf8(texts[i], buffers.utf8);
            u32* const from = buffers.room_for_tokens(tokens + text.size()) + tokens;
            u32* to = from;
            tokenize_13a(text, buffers.clean, [&](string_view token) { *to++ = vocabulary_.add(token); });
            lengths.push_back(size_t(to - from));
            tokens += lengths.back();
        }
        const u32 words = vocabulary_.size();
        token_limits_.assign(words, 0);
        slots_.assign(table_size((ORDERS - 1) * tokens), Slot{NONE, NONE, 0});
        mask_ = slots_.size() - 1;
        buffers.counts.assign(numbers(), Count{});
        const u32* token = buffers.tokens.data();
        for (size_t i = 0; i < count; ++i) {
            u32 before[ORDERS - 1] = {NONE, NONE, NONE};  // the 1-, 2- and 3-gram that end at the token before
            for (const u32* const end = token + lengths[i]; token < end; ++token) {
                u32 now[ORDERS] = {*token, NONE, NONE, NONE};
                for (int n = 0; n < ORDERS; ++n) {
                    if (n > 0) {
                        if (before[n - 1] == NONE) break;
                        const size_t at = place(before[n - 1], *token);
                        slots_[at].prefix = before[n - 1];
                        slots_[at].token = *token;
                        now[n] = words + u32(at);
                    }
                    u32& limit = n == 0 ? token_limits_[*token] : slots_[now[n] - words].limit;
                    Count& found = buffers.counts[now[n]];
                    if (found.stamp != i + 1) found.stamp = u32(i + 1), found.count = 0;
                    limit = std::max(limit, ++found.count);
                }
                std::copy(now, now + ORDERS - 1, before);
            }
        }
    }

    // Call `hit(number, order)` for every n-gram of the text that is known here. Returns the text's tokens.
    // Order by order: look-ups that do not wait for each other keep the processor busy.
    template <class Hit>
    size_t walk(const Text& text, Buffers& buffers, Hit&& hit) const {
        const string_view utf8 = as_utf8(text, buffers.utf8);
        u32* const tokens = buffers.room_for_tokens(utf8.size());
        size_t length = 0;
        tokenize_13a(utf8, buffers.clean, [&](string_view token) { tokens[length++] = vocabulary_.find(token); });
        Ending* const endings = buffers.room_for_endings(length + 1);
        size_t known = known_tokens(tokens, length, endings);
        const u32 words = vocabulary_.size();
        for (int order = 0; order < ORDERS; ++order) {
            for (size_t k = 0; k < known; ++k) hit(endings[k].number, order);
            if (order + 1 == ORDERS) break;
            known = prolonged(tokens, length, endings, known, endings, [&](u32 prefix, u32 token) {
                const size_t at = place(prefix, token);
                return slots_[at].token == NONE ? NONE : words + u32(at);
            });
        }
        return length;
    }

    size_t bytes() const {
        return vocabulary_.bytes() + slots_.capacity() * sizeof(Slot) + token_limits_.capacity() * sizeof(u32) +
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

// N-grams of one order -> numbers 0, 1, ...; the key is the number of all but the last token, and the last token.
class Continuations {
    struct Slot {
        u32 prefix, token, number;
    };
    std::vector<Slot> slots_;
    size_t mask_ = 0;

    Slot& slot(u32 prefix, u32 token) {
        for (size_t i = mixed(u64(prefix) << 32 | token) & mask_;; i = (i + 1) & mask_)
            if (slots_[i].number == NONE || (slots_[i].token == token && slots_[i].prefix == prefix)) return slots_[i];
    }

   public:
    void reset(size_t entries) {
        slots_.assign(table_size(entries), Slot{0, 0, NONE});
        mask_ = slots_.size() - 1;
    }
    u32 find(u32 prefix, u32 token) { return slot(prefix, token).number; }
    u32 add(u32 prefix, u32 token, u32 next) {
        Slot& s = slot(prefix, token);
        if (s.number == NONE) s = Slot{prefix, token, next};
        return s.number;
    }
    size_t bytes() const { return slots_.capacity() * sizeof(Slot); }
};

class BleuScorer {
    Vocabulary vocabulary_;
    Continuations continuations_;
    std::vector<u32> own_, numbers_, seen_, touched_;  // `seen_` is zero between calls
    std::vector<size_t> lengths_, known_;

    // Number the response's n-grams of the next order, where the n-1 first and the n-1 last tokens have matched.
    void extend(const u32* tokens, size_t length) {
        continuations_.reset(length);
        own_.clear();
        u32 before = length ? numbers_[0] : NONE;
        if (length) numbers_[0] = NONE;
        for (size_t i = 1; i < length; ++i) {
            const u32 prefix = before;
            before = numbers_[i];
            numbers_[i] = NONE;
            if (prefix == NONE || before == NONE) continue;
            numbers_[i] = continuations_.add(prefix, tokens[i], u32(own_.size()));
            if (numbers_[i] == own_.size()) own_.push_back(0);
            ++own_[numbers_[i]];
        }
    }

   public:
    Buffers buffers;

    // One response of these references. Order by order, so that longer n-grams are sought only where the shorter ones
    // matched; the response is indexed, the references are looked up in it.
    double once(const Text& response, const Text* references, size_t count, int flags) {
        const string_view text = as_utf8(response, buffers.utf8);
        size_t length = 0;
        vocabulary_.reset(text.size());
        own_.clear();
        u32* tokens = buffers.room_for_tokens(text.size());
        tokenize_13a(text, buffers.clean, [&](string_view token) {
            const u32 number = vocabulary_.add(token);
            if (number == own_.size()) own_.push_back(0);
            ++own_[number];
            tokens[length++] = number;
        });
        numbers_.assign(tokens, tokens + length);
        size_t all = length;
        lengths_.clear();
        for (size_t i = 0; i < count; ++i) {
            const string_view reference = as_utf8(references[i], buffers.utf8);
            u32* const from = buffers.room_for_tokens(all + reference.size()) + all;
            u32* to = from;
            tokenize_13a(reference, buffers.clean, [&](string_view token) { *to++ = vocabulary_.find(token); });
            lengths_.push_back(size_t(to - from));
            all += lengths_.back();
        }
        tokens = buffers.tokens.data();
        u64 matches[ORDERS] = {};
        Ending* const endings = buffers.room_for_endings(all - length + count + 1);
        known_.assign(count, 0);
        for (int order = 0; order < ORDERS; ++order) {
            if (order > 0) extend(tokens, length);
            if (own_.empty()) break;
            buffers.counts.assign(own_.size(), Count{});
            Count* const counts = buffers.counts.data();
            const u32* reference = tokens + length;
            Ending* first = endings;
            for (u32 i = 0; i < count; ++i) {
                if (order == 0) known_[i] = known_tokens(reference, lengths_[i], first);
                else known_[i] = prolonged(reference, lengths_[i], first, known_[i], first, [&](u32 prefix, u32 token) {
                        return continuations_.find(prefix, token);
                    });
                for (size_t k = 0; k < known_[i]; ++k) {
                    Count& seen = counts[first[k].number];
                    if (seen.stamp != i + 1) seen.stamp = i + 1, seen.count = 0;
                    seen.largest = std::max(seen.largest, ++seen.count);
                }
                reference += lengths_[i];
                first += lengths_[i] + 1;
            }
            for (size_t i = 0; i < own_.size(); ++i) matches[order] += std::min(own_[i], counts[i].largest);
            for (size_t i = 0; i < length; ++i)
                if (numbers_[i] != NONE && counts[numbers_[i]].largest == 0) numbers_[i] = NONE;
        }
        return bleu_value(matches, length, lengths_, flags);
    }

    double compiled(const Text& response, const NgramIndex& references, int flags) {
        if (seen_.size() < references.numbers()) seen_.resize(references.numbers(), 0);
        u64 matches[ORDERS] = {};
        const size_t length = references.walk(response, buffers, [&](u32 number, u32 order) {
            if (seen_[number] == 0) touched_.push_back(number);
            if (seen_[number]++ < references.limit(number)) ++matches[order];
        });
        for (const u32 number : touched_) seen_[number] = 0;
        touched_.clear();
        return bleu_value(matches, length, references.lengths, flags);
    }

    size_t bytes() const {
        return vocabulary_.bytes() + continuations_.bytes() + buffers.bytes() + 4 * seen_.capacity();
    }
};

// --------------------------------------------------------------------------------------------------------- ROUGE-L

class RougeIndex {
    Vocabulary vocabulary_;

   public:
    std::vector<u32> tokens;     // of all texts, one after the other
    std::vector<size_t> starts;  // of each text, and the end

    void build(const Text* texts, size_t count, Buffers& buffers) {
        size_t bytes = 0;
        for (size_t i = 0; i < count; ++i) bytes += texts[i].length;
        vocabulary_.reset(bytes);
        tokens.clear();
        starts.assign(1, 0);
        for (size_t i = 0; i < count; ++i) {
            tokenize_rouge(as_utf8(texts[i], buffers.utf8), buffers.clean,
                           [this](string_view token) { tokens.push_back(vocabulary_.add(token)); });
            starts.push_back(tokens.size());
        }
    }
    size_t words() const { return vocabulary_.size(); }
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
        u8* const carries = carries_.data();  // bytes may alias anything: the loop shall not read `this` again
        u64* const masks = masks_.data();
        const u32* const response = response_.data();
        const size_t words = response_.size();
        for (size_t block = 0; block < length; block += 64) {
            const size_t width = std::min<size_t>(64, length - block);
            for (size_t i = 0; i < width; ++i) masks[reference[block + i]] |= u64(1) << i;
            u64 row = ~u64(0);
            for (size_t j = 0; j < words; ++j) {
                const u64 match = row & masks[response[j]];
                const u64 partial = row + match, sum = partial + carries[j];
                carries[j] = u8((partial < row) | (sum < partial));
                row = sum | (row & ~match);
            }
            for (size_t i = 0; i < width; ++i) {
                total += !(row >> i & 1);
                masks[reference[block + i]] = 0;
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
        if (masks_.size() < references.words()) masks_.resize(references.words(), 0);
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

    size_t bytes() const { return references_.bytes() + 8 * masks_.capacity() + 5 * carries_.capacity(); }
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
void score_rows(Job& job, Index* Compiled::* index, Scorer& scorer) {
    constexpr size_t STEP = 4;
    for (size_t from; (from = job.next.fetch_add(STEP)) < job.rows.size();)
        for (size_t i = from; i < std::min(from + STEP, job.rows.size()); ++i) {
            const Row& row = job.rows[i];
            job.scores[i] = row.compiled
                                ? scorer.compiled(row.response, *(row.compiled->*index), job.flags)
                                : scorer.once(row.response, job.references.data() + row.first, row.count, job.flags);
        }
}

// What a thread keeps between calls, so that small batches need no fresh memory.
struct Scorers {
    BleuScorer bleu;
    RougeScorer rouge;
    static Scorers& of_this_thread() {
        static thread_local Scorers scorers;
        return scorers;
    }
    void forget_large() {
        if (bleu.bytes() > KEPT_BYTES) bleu = BleuScorer();
        if (rouge.bytes() > KEPT_BYTES) rouge = RougeScorer();
    }
};

void work(Job& job) {
    Scorers& scorers = Scorers::of_this_thread();
    try {
        if (job.metric == BLEU) score_rows(job, &Compiled::bleu, scorers.bleu);
        else score_rows(job, &Compiled::rouge, scorers.rouge);
    } catch (const std::bad_alloc&) {
        job.out_of_memory = true;
    } catch (const std::length_error&) {
        job.out_of_memory = true;
    }
    if (job.out_of_memory) scorers = Scorers();  // a scorer that was stopped half-way is in no known state
    scorers.forget_large();
}

PyObject* run(Job& job, int threads) {
    PyThreadState* const state = PyEval_SaveThread();
    bool failed = false;
    try {
        job.scores.assign(job.rows.size(), UNSCORED);
        std::vector<std::thread> helpers;
        const size_t useful = job.rows.size() / 16;  // below that a thread costs more than it takes over
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
    if (text.length > MAX_CHARACTERS) {
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
        Buffers& buffers = Scorers::of_this_thread().bleu.buffers;
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
            Scorers::of_this_thread().forget_large();
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

// score_arrow(metric, response offsets and bytes, list offsets, reference offsets and bytes, threads, flags)
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
