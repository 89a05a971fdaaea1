// The tokenisers, as tokens.py states them.

#pragma once

#include "texts.h"

namespace {

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
// With `all_scripts` the text is in lower case already, and what is beyond ASCII belongs to words.
template <bool all_scripts = false, class Emit>
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
        } else if (all_scripts && byte >= 0x80) {
            *end++ = char(byte);
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

}  // namespace
