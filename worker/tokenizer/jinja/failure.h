// What goes wrong inside the template interpreter. Never leaves worker/tokenizer: ChatTemplate turns it into
// an InputError with the file.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

namespace lacuna::jinja {

class Failure : public std::runtime_error {
 public:
  enum class Kind {
    kTemplate,  // the template is malformed or uses what we do not implement
    kRaised,    // Jinja2 would raise too, or the template called raise_exception
    kLimit,     // too deep, too long, too large
  };

  Failure(Kind kind, const std::string& message, std::int64_t line = 0)
      : std::runtime_error(message), kind_(kind), line_(line) {}

  [[nodiscard]] Kind kind() const { return kind_; }
  // Line of the template, from 1; 0 until somebody who knows fills it in.
  [[nodiscard]] std::int64_t line() const { return line_; }

 private:
  Kind kind_;
  std::int64_t line_;
};

[[noreturn]] inline void raise(const std::string& message) {
  throw Failure(Failure::Kind::kRaised, message);
}
[[noreturn]] inline void refuse_template(const std::string& message, std::int64_t line = 0) {
  throw Failure(Failure::Kind::kTemplate, message, line);
}

}  // namespace lacuna::jinja
