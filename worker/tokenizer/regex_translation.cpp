#include "worker/tokenizer/regex_translation.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <span>

#include "worker/tokenizer/unicode_tables.h"

namespace lacuna {
namespace {

// White_Space and its complement as class members. PCRE2 up to 10.42 counts U+180E as \s; the reference does
// not.
constexpr std::string_view kSpaceMembers =
    R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view kNonSpaceMembers =
    R"(\x{0}-\x{8}\x{E}-\x{1F}\x{21}-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027})"
    R"(\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF})";

std::string spell_members(std::string_view base, std::span<const unicode::CodePointRange> ranges) {
  std::string members(base);
  for (const auto& range : ranges) {
    members += fmt::format(R"(\x{{{:X}}}-\x{{{:X}}})", static_cast<unsigned>(range.first),
                           static_cast<unsigned>(range.last));
  }
  return members;
}

bool is_one_of(char byte, std::string_view set) {
  return set.find(byte) != std::string_view::npos;
}

class Translation {
 public:
  explicit Translation(std::string_view pattern) : pattern_(pattern) {}

  std::string run() {
    while (!done() && refused_.empty()) {
      const char byte = pattern_[at_];
      if (byte == '\\') {
        translate_escape(false);
      } else if (byte == '[') {
        translate_class();
      } else if (byte == '(') {
        translate_group();
      } else if (byte == '{') {
        translate_interval();
      } else if (byte == '.' || byte == '^' || byte == '$') {
        // Anchors are line anchors in Ruby syntax, and what a dot takes differs.
        refuse(std::string(1, byte));
      } else {
        copy(1);
      }
    }
    return output_;
  }

  [[nodiscard]] const std::string& refused() const { return refused_; }

 private:
  [[nodiscard]] bool done() const { return at_ >= pattern_.size(); }
  [[nodiscard]] char peek(std::size_t offset) const {
    return at_ + offset < pattern_.size() ? pattern_[at_ + offset] : '\0';
  }
  void copy(std::size_t count) {
    output_ += pattern_.substr(at_, count);
    at_ += count;
  }
  void refuse(std::string construct) { refused_ = std::move(construct); }

  // Puts class members: bare inside a class, in one of its own outside.
  void put_members(std::string_view members, bool negated, bool in_class) {
    if (in_class) {
      output_ += members;
    } else {
      output_ += fmt::format("[{}{}]", negated ? "^" : "", members);
    }
  }

  void translate_escape(bool in_class) {
    const char name = peek(1);
    if (name == 's') {
      at_ += 2;
      put_members(kSpaceMembers, false, in_class);
    } else if (name == 'S') {
      at_ += 2;
      put_members(kNonSpaceMembers, false, in_class);
    } else if (name == 'p' || name == 'P') {
      translate_property(name == 'P', in_class);
    } else if (is_one_of(name, "rnt\\.^$*+?()[]{}|/-'\"#&~!@%=:;,<>_` ") && name != '\0') {
      if (is_one_of(name, "_<>` ")) {  // no escape needed, and PCRE2 may give one a meaning
        ++at_;
        copy(1);
      } else {
        copy(2);
      }
    } else {
      refuse(fmt::format("\\{}", name == '\0' ? ' ' : name));
    }
  }

  void translate_property(bool negated, bool in_class) {
    const std::size_t close = pattern_.find('}', at_);
    if (peek(2) != '{' || close == std::string_view::npos) return refuse(negated ? "\\P" : "\\p");
    const std::string_view name = pattern_.substr(at_ + 3, close - at_ - 3);
    constexpr std::array<std::string_view, 30> kPlain = {
        "M",  "P",  "S",  "Z",  "C",  "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl",
        "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp"};
    if (name == "L" || name == "N") {
      if (negated && in_class) return refuse(fmt::format("\\P{{{}}} in a class", name));
      const bool letter = name == "L";
      put_members(
          spell_members(letter ? R"(\p{L})" : R"(\p{N})",
                        letter ? unicode::letters_after_unicode_14() : unicode::numbers_after_unicode_14()),
          negated, in_class);
    } else {
      bool known = false;
      for (const std::string_view plain : kPlain) known = known || plain == name;
      if (!known) return refuse(fmt::format("\\{}{{{}}}", negated ? 'P' : 'p', name));
      output_ += pattern_.substr(at_, close + 1 - at_);
    }
    at_ = close + 1;
  }

  void translate_class() {
    copy(1);
    if (peek(0) == '^') copy(1);
    if (peek(0) == ']') return refuse("] at the start of a class");
    while (refused_.empty()) {
      if (done()) return refuse("a class without an end");
      const char byte = peek(0);
      if (byte == ']') {
        copy(1);
        return;
      }
      if (byte == '[') return refuse("a class within a class");
      if (byte == '&' && peek(1) == '&') return refuse("&& in a class");
      if (byte == '\\') {
        translate_escape(true);
      } else {
        copy(1);
      }
    }
  }

  void translate_group() {
    if (peek(1) != '?') {
      output_ += "(?:";  // nothing refers to captures
      ++at_;
      return;
    }
    for (const std::string_view opening : {"(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"}) {
      if (pattern_.substr(at_, opening.size()) == opening) return copy(opening.size());
    }
    refuse(std::string(pattern_.substr(at_, 4)));
  }

  void translate_interval() {
    const std::size_t close = pattern_.find('}', at_);
    const std::string_view inside =
        close == std::string_view::npos ? std::string_view() : pattern_.substr(at_ + 1, close - at_ - 1);
    if (inside.empty() || inside.find_first_not_of("0123456789,") != std::string_view::npos ||
        inside[0] == ',') {
      return refuse("{");
    }
    copy(close + 1 - at_);
    // In Ruby syntax these repeat the interval, in PCRE2 they make it possessive or lazy.
    if (peek(0) == '+' || peek(0) == '?') refuse(fmt::format("{{{}}}{}", inside, peek(0)));
  }

  std::string_view pattern_;
  std::size_t at_ = 0;
  std::string output_;
  std::string refused_;
};

}  // namespace

std::string translate_regex(std::string_view pattern, std::string& refused) {
  Translation translation(pattern);
  std::string translated = translation.run();
  refused = translation.refused();
  return translated;
}

}  // namespace lacuna
