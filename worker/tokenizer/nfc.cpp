#include "worker/tokenizer/nfc.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <stdexcept>
#include <vector>

#include "core/utf8.h"
#include "worker/tokenizer/unicode_tables.h"

namespace lacuna {
namespace {

using CodePoints = std::vector<utf8proc_int32_t>;

// STABLE keeps to the composition exclusions of the standard.
constexpr auto kOptions = static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE);

// U+11A7 is no trailing consonant: utf8proc 2.8 takes it for an empty one after a Hangul syllable and drops
// it. In truth it composes with nothing.
constexpr char32_t kBeforeTrailingConsonants = 0x11A7;

bool is_inert(char32_t code_point) {
  if (code_point == kBeforeTrailingConsonants) return true;
  const auto ranges = unicode::normalized_after_unicode_9();
  if (code_point < ranges.front().first) return false;
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), code_point,
                                      [](char32_t value, const auto& range) { return value < range.first; });
  return code_point <= std::prev(after)->last;
}

int combining_class(utf8proc_int32_t code_point) {
  return utf8proc_get_property(code_point)->combining_class;
}

// Canonical ordering: every run of marks stably sorted by combining class. utf8proc's own ordering swaps
// neighbours and takes quadratic time on a long run.
void order_marks(CodePoints& points) {
  for (auto run = points.begin(); run != points.end();) {
    if (combining_class(*run) == 0) {
      ++run;
      continue;
    }
    const auto end = std::find_if(run, points.end(), [](auto point) { return combining_class(point) == 0; });
    std::stable_sort(run, end, [](auto a, auto b) { return combining_class(a) < combining_class(b); });
    run = end;
  }
}

// NFC of the collected, fully decomposed points goes to `normalized`.
void compose_into(std::string& normalized, CodePoints& points) {
  if (points.empty()) return;
  order_marks(points);
  const auto length =
      utf8proc_normalize_utf32(points.data(), static_cast<utf8proc_ssize_t>(points.size()), kOptions);
  if (length < 0) throw std::runtime_error(utf8proc_errmsg(length));
  for (utf8proc_ssize_t i = 0; i < length; ++i) {
    utf8::append(normalized, static_cast<char32_t>(points[static_cast<std::size_t>(i)]));
  }
  points.clear();
}

void decompose_into(CodePoints& points, char32_t code_point) {
  std::array<utf8proc_int32_t, 32> parts;  // the longest canonical decomposition has 4
  int boundary_class = UTF8PROC_BOUNDCLASS_START;
  const auto length =
      utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point), parts.data(),
                              static_cast<utf8proc_ssize_t>(parts.size()), kOptions, &boundary_class);
  if (length < 0) throw std::runtime_error(utf8proc_errmsg(length));
  points.insert(points.end(), parts.begin(), parts.begin() + length);
}

// Whether a byte belongs to a code point below U+0300, which is 0xCC 0x80, or continues any code point.
bool is_low(char byte) {
  return static_cast<unsigned char>(byte) < 0xCC;
}

// The end of the code points from `at` that are below U+0300 and followed by another such or the end of the
// text.
std::size_t find_trivial_end(std::string_view text, std::size_t at) {
  if (!is_low(text[at])) return at;
  std::size_t end = at;
  while (end < text.size() && is_low(text[end])) ++end;
  if (end == text.size()) return end;
  --end;  // the last one may compose with what follows: back to its first byte
  while (end > at && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return end;
}

}  // namespace

bool is_trivially_nfc(std::string_view text) {
  return std::all_of(text.begin(), text.end(), is_low);
}

std::string normalize_nfc(std::string_view text) {
  std::string normalized;
  normalized.reserve(text.size());
  CodePoints points;
  for (std::size_t at = 0; at < text.size();) {
    const utf8::CodePoint point = utf8::read(text, at);
    // Below U+0300 all are starters that compose with nothing before them, and with what follows only if that
    // is at or above U+0300: a stretch of them is copied, but for the last.
    if (const std::size_t end = find_trivial_end(text, at); end > at) {
      compose_into(normalized, points);
      normalized += text.substr(at, end - at);
      at = end;
      continue;
    }
    at += point.length;
    // An inert code point is a starter that composes with nothing, so what lies on its two sides can be
    // normalized by itself.
    if (is_inert(point.value)) {
      compose_into(normalized, points);
      utf8::append(normalized, point.value);
    } else {
      decompose_into(points, point.value);
    }
  }
  compose_into(normalized, points);
  return normalized;
}

}  // namespace lacuna
