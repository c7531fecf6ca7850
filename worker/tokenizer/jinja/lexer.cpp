#include "worker/tokenizer/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "core/utf8.h"
#include "worker/tokenizer/jinja/failure.h"
#include "worker/tokenizer/jinja/python_text.h"
#include "worker/tokenizer/jinja/string_literal.h"

namespace lacuna::jinja {
namespace {

using Kind = Token::Kind;

// Line ends become \n, and one at the very end goes away (keep_trailing_newline is off).
std::string unify_line_ends(std::string_view source) {
  std::string unified;
  unified.reserve(source.size());
  for (std::size_t at = 0; at < source.size(); ++at) {
    if (source[at] == '\r') {
      unified.push_back('\n');
      if (at + 1 < source.size() && source[at + 1] == '\n') ++at;
    } else {
      unified.push_back(source[at]);
    }
  }
  if (unified.ends_with('\n')) unified.pop_back();
  return unified;
}

bool is_digit(char character) {
  return character >= '0' && character <= '9';
}

bool is_name_character(char character) {
  return is_digit(character) || character == '_' || (character >= 'a' && character <= 'z') ||
         (character >= 'A' && character <= 'Z') || static_cast<unsigned char>(character) >= 0x80;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(source) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) read_text_and_tag();
    put(Kind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  enum class Tag { kOutput, kBlock, kComment };

  void put(Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  void advance(std::size_t end) {
    line_ += std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                        source_.begin() + static_cast<std::ptrdiff_t>(end), '\n');
    at_ = end;
  }

  [[nodiscard]] bool looking_at(std::string_view text) const { return source_.substr(at_).starts_with(text); }

  // The next "{{", "{%" or "{#".
  [[nodiscard]] std::size_t find_tag() const {
    for (std::size_t brace = source_.find('{', at_); brace != std::string_view::npos;
         brace = source_.find('{', brace + 1)) {
      const char second = brace + 1 < source_.size() ? source_[brace + 1] : '\0';
      if (second == '{' || second == '%' || second == '#') return brace;
    }
    return std::string_view::npos;
  }

  void read_text_and_tag() {
    const std::size_t tag_start = find_tag();
    if (tag_start == std::string_view::npos) {
      put(Kind::kData, std::string(source_.substr(at_)));
      advance(source_.size());
      return;
    }
    const char second = source_[tag_start + 1];
    const Tag tag = second == '{' ? Tag::kOutput : second == '%' ? Tag::kBlock : Tag::kComment;
    const char sign = tag_start + 2 < source_.size() ? source_[tag_start + 2] : '\0';
    const std::string_view text = strip_before_tag(source_.substr(at_, tag_start - at_), tag, sign);
    if (!text.empty()) put(Kind::kData, std::string(text));
    advance(tag_start + (sign == '-' || sign == '+' ? 3 : 2));
    if (tag == Tag::kComment) return skip_comment();
    put(tag == Tag::kOutput ? Kind::kOutputBegin : Kind::kBlockBegin, "");
    read_inside_tag(tag);
  }

  [[nodiscard]] std::string_view strip_before_tag(std::string_view text, Tag tag, char sign) const {
    if (sign == '-') return strip(text, std::nullopt, StripSide::kRight);
    if (sign == '+' || tag == Tag::kOutput) return text;
    // lstrip_blocks: what stands between the start of the line and the tag, if it is white space only. The
    // start of the template and a line end that trim_blocks took count as starts of a line too.
    const std::size_t newline = text.rfind('\n');
    const std::size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
    if (line_start == 0 && !at_line_start_) return text;
    return strip(text.substr(line_start), std::nullopt, StripSide::kLeft).empty() ? text.substr(0, line_start)
                                                                                  : text;
  }

  // After the end of a tag: `-` takes all white space, trim_blocks one line end after blocks and comments.
  void finish_tag(std::size_t end, char sign, bool trims_line_end) {
    if (sign == '-') {
      end = source_.size() - strip(source_.substr(end), std::nullopt, StripSide::kLeft).size();
    } else if (sign != '+' && trims_line_end && end < source_.size() && source_[end] == '\n') {
      ++end;
    }
    advance(end);
    at_line_start_ = source_[end - 1] == '\n';
  }

  void skip_comment() {
    const std::size_t close = source_.find("#}", at_);
    if (close == std::string_view::npos) refuse_template("a comment without an end", line_);
    const char sign = close > at_ ? source_[close - 1] : '\0';
    finish_tag(close + 2, sign, true);
  }

  // Whether the tag ends here; if so the end is read.
  bool read_tag_end(Tag tag) {
    if (!open_brackets_.empty()) return false;
    const std::string_view close = tag == Tag::kOutput ? "}}" : "%}";
    const char sign = source_[at_];
    const bool plus_allowed = tag == Tag::kBlock;
    const bool has_sign = sign == '-' || (plus_allowed && sign == '+');
    if (!source_.substr(at_ + (has_sign ? 1 : 0)).starts_with(close)) return false;
    put(tag == Tag::kOutput ? Kind::kOutputEnd : Kind::kBlockEnd, "");
    finish_tag(at_ + (has_sign ? 3 : 2), has_sign ? sign : '\0', tag == Tag::kBlock);
    return true;
  }

  void read_inside_tag(Tag tag) {
    const std::int64_t tag_line = line_;
    while (at_ < source_.size()) {
      if (read_tag_end(tag)) return;
      const utf8::CodePoint point = utf8::read(source_, at_);
      const char character = source_[at_];
      if (utf8::is_python_space(point.value)) {
        advance(at_ + point.length);
      } else if (is_digit(character)) {
        read_number();
      } else if (is_name_character(character)) {
        std::size_t end = at_;
        while (end < source_.size() && is_name_character(source_[end])) ++end;
        put(Kind::kName, std::string(source_.substr(at_, end - at_)));
        advance(end);
      } else if (character == '\'' || character == '"') {
        read_string(character);
      } else {
        read_operator();
      }
    }
    refuse_template("a tag without an end", tag_line);
  }

  // The end of digits (with single underscores between them) from `from`; `from` itself if there are none.
  [[nodiscard]] std::size_t skip_digits(std::size_t from) const {
    std::size_t end = from;
    while (end < source_.size() &&
           (is_digit(source_[end]) || (source_[end] == '_' && end > from && source_[end - 1] != '_'))) {
      ++end;
    }
    return end > from && source_[end - 1] == '_' ? end - 1 : end;
  }

  void read_number() {
    const bool after_dot =
        !tokens_.empty() && tokens_.back().kind == Kind::kOperator && tokens_.back().text == ".";
    std::size_t end = skip_digits(at_);
    bool is_float = false;
    if (!after_dot && end + 1 < source_.size() && source_[end] == '.' && is_digit(source_[end + 1])) {
      is_float = true;
      end = skip_digits(end + 1);
    }
    if (!after_dot && end < source_.size() && (source_[end] == 'e' || source_[end] == 'E')) {
      std::size_t exponent = end + 1;
      if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-')) ++exponent;
      if (const std::size_t exponent_end = skip_digits(exponent); exponent_end > exponent) {
        is_float = true;
        end = exponent_end;
      }
    }
    std::string text(source_.substr(at_, end - at_));
    std::erase(text, '_');
    if (end < source_.size() && is_name_character(source_[end])) {
      refuse_template(fmt::format("`{}{}` is not a number that is supported", text, source_[end]), line_);
    }
    put(is_float ? Kind::kFloat : Kind::kInteger, std::move(text));
    advance(end);
  }

  void read_string(char quote) {
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size()) refuse_template("a string without an end", line_);
    put(Kind::kString, read_string_literal(source_.substr(at_ + 1, end - at_ - 1), line_));
    advance(end + 1);
  }

  void read_operator() {
    constexpr std::array<std::string_view, 24> kOperators = {"//", "**", "==", "!=", ">=", "<=", "+", "-",
                                                             "/",  "*",  "%",  "~",  "[",  "]",  "(", ")",
                                                             "{",  "}",  ">",  "<",  "=",  ".",  ":", "|"};
    std::string_view found;
    for (const std::string_view candidate : kOperators) {
      if (found.empty() && looking_at(candidate)) found = candidate;
    }
    if (looking_at(",")) found = ",";
    if (found.empty()) {
      const utf8::CodePoint point = utf8::read(source_, at_);
      refuse_template(fmt::format("unexpected character `{}`", source_.substr(at_, point.length)), line_);
    }
    balance(found[0]);
    put(Kind::kOperator, std::string(found));
    advance(at_ + found.size());
  }

  void balance(char character) {
    if (character == '(' || character == '[' || character == '{') {
      open_brackets_.push_back(character == '(' ? ')' : character == '[' ? ']' : '}');
    } else if (character == ')' || character == ']' || character == '}') {
      if (open_brackets_.empty() || open_brackets_.back() != character) {
        refuse_template(fmt::format("unexpected `{}`", character), line_);
      }
      open_brackets_.pop_back();
    }
  }

  std::string_view source_;
  std::size_t at_ = 0;
  std::int64_t line_ = 1;
  bool at_line_start_ = true;
  std::string open_brackets_;  // the closing ones that are due
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> read_tokens(std::string_view source) {
  const std::string unified = unify_line_ends(source);
  return Lexer(unified).run();
}

}  // namespace lacuna::jinja
