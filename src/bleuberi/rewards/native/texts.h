// Texts as UTF-8, and replacing in them.

#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace {

using std::size_t;
using std::string_view;
using u8 = uint8_t;
using u32 = uint32_t;
using u64 = uint64_t;

constexpr size_t MAX_CHARACTERS = size_t(1) << 27;  // the numbers of n-grams have 32 bits

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

void append_code_points(string_view utf8, std::u32string& out) {
    for (size_t i = 0; i < utf8.size();) {
        const u8 first = u8(utf8[i]);
        const size_t width = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
        char32_t point = width == 1 ? first : first & (0x7F >> width);
        for (size_t k = 1; k < width && i + k < utf8.size(); ++k) point = point << 6 | (u8(utf8[i + k]) & 0x3F);
        out.push_back(point);
        i += width;
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

}  // namespace
