// The parser's view of the tokens, and its guard against deep nesting.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/tokenizer/jinja/failure.h"
#include "worker/tokenizer/jinja/lexer.h"

namespace lacuna::jinja {

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  [[nodiscard]] const Token& current() const { return tokens_[at_]; }
  [[nodiscard]] const Token& next() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  // The current token; moves on (never past kEnd).
  const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }

  [[nodiscard]] bool is(Token::Kind kind) const { return current().kind == kind; }
  [[nodiscard]] bool is_operator(std::string_view text) const {
    return current().kind == Token::Kind::kOperator && current().text == text;
  }
  [[nodiscard]] bool is_name(std::string_view text) const {
    return current().kind == Token::Kind::kName && current().text == text;
  }
  bool take_operator(std::string_view text) {
    if (!is_operator(text)) return false;
    take();
    return true;
  }
  bool take_name(std::string_view text) {
    if (!is_name(text)) return false;
    take();
    return true;
  }
  void expect_operator(std::string_view text);
  void expect(Token::Kind kind, std::string_view what);

  // "unexpected ...": the current token is not what the grammar wants.
  [[noreturn]] void refuse_current(std::string_view wanted) const;

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
};

// Counts levels of recursion while in scope.
class DepthGuard {
 public:
  static constexpr int kMaxDepth = 100;
  DepthGuard(int& depth, const TokenStream& tokens) : depth_(depth) {
    if (depth_ >= kMaxDepth) {
      throw Failure(Failure::Kind::kLimit, "the template is nested too deeply", tokens.current().line);
    }
    ++depth_;
  }
  ~DepthGuard() { --depth_; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;

 private:
  int& depth_;
};

}  // namespace lacuna::jinja
