// The expressions of a template, with Jinja2's precedence.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "worker/tokenizer/jinja/syntax_tree.h"
#include "worker/tokenizer/jinja/token_stream.h"

namespace lacuna::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens) : tokens_(tokens) {}

  // One expression with `a if b else c`, or without (what a for loops over: an `if` there filters).
  ExpressionPtr parse(bool with_condition = true);
  // The same, or several with commas between them: a tuple.
  ExpressionPtr parse_tuple(bool with_condition = true);

 private:
  ExpressionPtr make(Expression::Kind kind, std::vector<ExpressionPtr> operands, std::string name = {});
  static void check_depth(const Expression& expression);
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_compare();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concat();
  ExpressionPtr parse_product();
  ExpressionPtr parse_unary(bool with_filters);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_name();
  ExpressionPtr parse_number();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr base);
  ExpressionPtr parse_subscript(ExpressionPtr base);
  ExpressionPtr parse_call(ExpressionPtr callee);
  ExpressionPtr parse_filters(ExpressionPtr base);
  ExpressionPtr parse_filter(ExpressionPtr base);
  ExpressionPtr parse_test(ExpressionPtr base);
  void parse_arguments(Expression& call);

  TokenStream& tokens_;
  int depth_ = 0;
};

}  // namespace lacuna::jinja
