#include "worker/tokenizer/jinja/token_stream.h"

#include <fmt/format.h>

#include <string>

namespace lacuna::jinja {

void TokenStream::expect_operator(std::string_view text) {
  if (!take_operator(text)) refuse_current(fmt::format("`{}`", text));
}

void TokenStream::expect(Token::Kind kind, std::string_view what) {
  if (!is(kind)) refuse_current(what);
  take();
}

void TokenStream::refuse_current(std::string_view wanted) const {
  const Token& token = current();
  std::string found;
  switch (token.kind) {
    case Token::Kind::kOutputEnd:
      found = "`}}`";
      break;
    case Token::Kind::kBlockEnd:
      found = "`%}`";
      break;
    case Token::Kind::kString:
      found = "a string";
      break;
    case Token::Kind::kName:
    case Token::Kind::kInteger:
    case Token::Kind::kFloat:
    case Token::Kind::kOperator:
      found = fmt::format("`{}`", token.text);
      break;
    default:
      found = "the end of the tag or template";
  }
  refuse_template(fmt::format("expected {} but found {}", wanted, found), token.line);
}

}  // namespace lacuna::jinja
