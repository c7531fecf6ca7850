#include "worker/tokenizer/jinja/string_literal.h"

#include <fmt/format.h>

#include <cstddef>

#include "core/utf8.h"
#include "worker/tokenizer/jinja/failure.h"

namespace lacuna::jinja {
namespace {

int read_digit(char character) {
  if (character >= '0' && character <= '9') return character - '0';
  if (character >= 'a' && character <= 'f') return character - 'a' + 10;
  if (character >= 'A' && character <= 'F') return character - 'A' + 10;
  return 16;
}

class Reader {
 public:
  Reader(std::string_view body, std::int64_t line) : body_(body), line_(line) {}

  std::string run() {
    while (at_ < body_.size()) {
      if (body_[at_] == '\\' && at_ + 1 < body_.size()) {
        read_escape();
      } else {
        output_.push_back(body_[at_++]);
      }
    }
    return std::move(output_);
  }

 private:
  void read_escape() {
    const char name = body_[at_ + 1];
    constexpr std::string_view kNames = "\\'\"abfnrtv";
    constexpr std::string_view kValues = "\\'\"\a\b\f\n\r\t\v";
    if (const auto index = kNames.find(name); index != std::string_view::npos) {
      output_.push_back(kValues[index]);
      at_ += 2;
    } else if (name == '\n') {
      at_ += 2;
    } else if (name == 'x') {
      read_number(2);
    } else if (name == 'u') {
      read_number(4);
    } else if (name == 'U') {
      read_number(8);
    } else if (name >= '0' && name <= '7') {
      read_octal();
    } else if (name == 'N') {
      refuse_template("the escape \\N is not supported", line_);
    } else {
      output_.push_back('\\');  // as in Python, an unknown escape stays as it is
      ++at_;
    }
  }

  void read_number(std::size_t digits) {
    char32_t value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const std::size_t place = at_ + 2 + i;
      const int digit = place < body_.size() ? read_digit(body_[place]) : 16;
      if (digit >= 16) refuse_template(fmt::format("the escape \\{} lacks digits", body_[at_ + 1]), line_);
      value = value * 16 + static_cast<char32_t>(digit);
    }
    put(value);
    at_ += 2 + digits;
  }

  void read_octal() {
    char32_t value = 0;
    ++at_;
    for (int i = 0; i < 3 && at_ < body_.size() && body_[at_] >= '0' && body_[at_] <= '7'; ++i, ++at_) {
      value = value * 8 + static_cast<char32_t>(body_[at_] - '0');
    }
    put(value);
  }

  void put(char32_t value) {
    if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
      refuse_template("an escape names no character", line_);
    }
    utf8::append(output_, value);
  }

  std::string_view body_;
  std::int64_t line_;
  std::size_t at_ = 0;
  std::string output_;
};

}  // namespace

std::string read_string_literal(std::string_view body, std::int64_t line) {
  return Reader(body, line).run();
}

}  // namespace lacuna::jinja
