#include "worker/tokenizer/jinja/expression_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "worker/tokenizer/jinja/filters.h"

namespace lacuna::jinja {
namespace {

using Kind = Expression::Kind;

// Chains (a + a + ...) nest without recursion in the parser, but the evaluator recurses.
constexpr std::size_t kMaxExpressionDepth = 200;

std::vector<ExpressionPtr> make_operands(ExpressionPtr first, ExpressionPtr second = nullptr,
                                         ExpressionPtr third = nullptr) {
  std::vector<ExpressionPtr> operands;
  operands.push_back(std::move(first));
  if (second) operands.push_back(std::move(second));
  if (third) operands.push_back(std::move(third));
  return operands;
}

template <std::size_t size>
bool is_one_of(const TokenStream& tokens, const std::array<std::string_view, size>& operators) {
  return std::any_of(operators.begin(), operators.end(),
                     [&tokens](std::string_view text) { return tokens.is_operator(text); });
}

}  // namespace

ExpressionPtr ExpressionParser::make(Kind kind, std::vector<ExpressionPtr> operands, std::string name) {
  auto expression = std::make_unique<Expression>(Expression{kind, tokens_.current().line, std::move(name)});
  // The line of what the expression starts with: a long one may end lines below.
  if (!operands.empty() && operands[0]) expression->line = operands[0]->line;
  for (const auto& operand : operands) {
    if (operand) expression->depth = std::max(expression->depth, operand->depth + 1);
  }
  expression->operands = std::move(operands);
  check_depth(*expression);
  return expression;
}

void ExpressionParser::check_depth(const Expression& expression) {
  if (expression.depth > kMaxExpressionDepth) {
    throw Failure(Failure::Kind::kLimit, "the expression is nested too deeply", expression.line);
  }
}

ExpressionPtr ExpressionParser::parse(bool with_condition) {
  const DepthGuard guard(depth_, tokens_);
  ExpressionPtr value = parse_or();
  while (with_condition && tokens_.take_name("if")) {
    ExpressionPtr condition = parse_or();
    ExpressionPtr otherwise = tokens_.take_name("else") ? parse() : nullptr;
    value =
        make(Kind::kCondition, make_operands(std::move(condition), std::move(value), std::move(otherwise)));
  }
  return value;
}

ExpressionPtr ExpressionParser::parse_tuple(bool with_condition) {
  ExpressionPtr first = parse(with_condition);
  if (!tokens_.is_operator(",")) return first;
  std::vector<ExpressionPtr> items = make_operands(std::move(first));
  while (tokens_.take_operator(",")) {
    if (tokens_.is(Token::Kind::kBlockEnd) || tokens_.is(Token::Kind::kOutputEnd) || tokens_.is_operator(")"))
      break;
    items.push_back(parse(with_condition));
  }
  return make(Kind::kTuple, std::move(items));
}

ExpressionPtr ExpressionParser::parse_or() {
  ExpressionPtr left = parse_and();
  while (tokens_.take_name("or")) left = make(Kind::kOr, make_operands(std::move(left), parse_and()));
  return left;
}

ExpressionPtr ExpressionParser::parse_and() {
  ExpressionPtr left = parse_not();
  while (tokens_.take_name("and")) left = make(Kind::kAnd, make_operands(std::move(left), parse_not()));
  return left;
}

ExpressionPtr ExpressionParser::parse_not() {
  if (!tokens_.is_name("not")) return parse_compare();
  const DepthGuard guard(depth_, tokens_);
  tokens_.take();
  return make(Kind::kNot, make_operands(parse_not()));
}

ExpressionPtr ExpressionParser::parse_compare() {
  constexpr std::array<std::string_view, 6> kComparisons = {"==", "!=", "<", "<=", ">", ">="};
  std::vector<ExpressionPtr> operands = make_operands(parse_sum());
  std::vector<std::string> operators;
  for (;;) {
    if (is_one_of(tokens_, kComparisons)) {
      operators.push_back(tokens_.take().text);
    } else if (tokens_.take_name("in")) {
      operators.emplace_back("in");
    } else if (tokens_.is_name("not") && tokens_.next().kind == Token::Kind::kName &&
               tokens_.next().text == "in") {
      tokens_.take();
      tokens_.take();
      operators.emplace_back("not in");
    } else {
      break;
    }
    operands.push_back(parse_sum());
  }
  if (operators.empty()) return std::move(operands[0]);
  ExpressionPtr compare = make(Kind::kCompare, std::move(operands));
  compare->operators = std::move(operators);
  return compare;
}

ExpressionPtr ExpressionParser::parse_sum() {
  constexpr std::array<std::string_view, 2> kOperators = {"+", "-"};
  ExpressionPtr left = parse_concat();
  while (is_one_of(tokens_, kOperators)) {
    std::string name = tokens_.take().text;
    left = make(Kind::kArithmetic, make_operands(std::move(left), parse_concat()), std::move(name));
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_concat() {
  std::vector<ExpressionPtr> parts = make_operands(parse_product());
  while (tokens_.take_operator("~")) parts.push_back(parse_product());
  return parts.size() == 1 ? std::move(parts[0]) : make(Kind::kConcat, std::move(parts));
}

ExpressionPtr ExpressionParser::parse_product() {
  constexpr std::array<std::string_view, 4> kOperators = {"*", "/", "//", "%"};
  ExpressionPtr left = parse_unary(true);
  while (is_one_of(tokens_, kOperators)) {
    std::string name = tokens_.take().text;
    left = make(Kind::kArithmetic, make_operands(std::move(left), parse_unary(true)), std::move(name));
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filters) {
  ExpressionPtr value;
  if (tokens_.is_operator("-") || tokens_.is_operator("+")) {
    const DepthGuard guard(depth_, tokens_);
    const bool negative = tokens_.take().text == "-";
    value = make(negative ? Kind::kNegative : Kind::kPositive, make_operands(parse_unary(false)));
  } else {
    value = parse_primary();
  }
  value = parse_postfix(std::move(value));
  if (with_filters) value = parse_filters(std::move(value));
  if (tokens_.is_operator("**")) refuse_template("the operator ** is not supported", tokens_.current().line);
  return value;
}

ExpressionPtr ExpressionParser::parse_primary() {
  if (tokens_.is(Token::Kind::kName)) return parse_name();
  if (tokens_.is(Token::Kind::kString)) {
    ExpressionPtr literal = make(Kind::kLiteral, {});
    std::string text;
    while (tokens_.is(Token::Kind::kString)) text += tokens_.take().text;  // side by side they are one
    literal->literal = std::move(text);
    return literal;
  }
  if (tokens_.is(Token::Kind::kInteger) || tokens_.is(Token::Kind::kFloat)) return parse_number();
  if (tokens_.take_operator("(")) {
    if (tokens_.take_operator(")")) return make(Kind::kTuple, {});
    ExpressionPtr inner = parse_tuple();
    tokens_.expect_operator(")");
    return inner;
  }
  if (tokens_.take_operator("[")) return parse_list();
  if (tokens_.take_operator("{")) return parse_dict();
  tokens_.refuse_current("a value");
}

ExpressionPtr ExpressionParser::parse_name() {
  ExpressionPtr expression = make(Kind::kLiteral, {});
  const std::string name = tokens_.take().text;
  if (name == "true" || name == "True") {
    expression->literal = true;
  } else if (name == "false" || name == "False") {
    expression->literal = false;
  } else if (name == "none" || name == "None") {
    expression->literal = None{};
  } else {
    expression->kind = Kind::kName;
    expression->name = name;
  }
  return expression;
}

ExpressionPtr ExpressionParser::parse_number() {
  ExpressionPtr expression = make(Kind::kLiteral, {});
  const Token& token = tokens_.take();
  if (token.kind == Token::Kind::kFloat) {
    double number = 0.0;
    const auto result = std::from_chars(token.text.data(), token.text.data() + token.text.size(), number);
    if (result.ec != std::errc())
      refuse_template(fmt::format("the number `{}` is out of range", token.text), token.line);
    expression->literal = number;
    return expression;
  }
  std::int64_t number = 0;
  const auto result = std::from_chars(token.text.data(), token.text.data() + token.text.size(), number);
  if (result.ec != std::errc())
    refuse_template(fmt::format("the number `{}` is out of range", token.text), token.line);
  expression->literal = number;
  return expression;
}

ExpressionPtr ExpressionParser::parse_list() {
  std::vector<ExpressionPtr> items;
  while (!tokens_.take_operator("]")) {
    if (!items.empty()) {
      tokens_.expect_operator(",");
      if (tokens_.take_operator("]")) break;
    }
    items.push_back(parse());
  }
  return make(Kind::kList, std::move(items));
}

ExpressionPtr ExpressionParser::parse_dict() {
  std::vector<ExpressionPtr> items;
  while (!tokens_.take_operator("}")) {
    if (!items.empty()) {
      tokens_.expect_operator(",");
      if (tokens_.take_operator("}")) break;
    }
    items.push_back(parse());
    tokens_.expect_operator(":");
    items.push_back(parse());
  }
  return make(Kind::kDict, std::move(items));
}

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr base) {
  for (;;) {
    if (tokens_.take_operator(".")) {
      if (tokens_.is(Token::Kind::kInteger)) {
        base = make(Kind::kItem, make_operands(std::move(base), parse_number()));
      } else {
        if (!tokens_.is(Token::Kind::kName)) tokens_.refuse_current("a name after the dot");
        base = make(Kind::kAttribute, make_operands(std::move(base)), tokens_.take().text);
      }
    } else if (tokens_.take_operator("[")) {
      base = parse_subscript(std::move(base));
    } else if (tokens_.is_operator("(")) {
      base = parse_call(std::move(base));
    } else {
      return base;
    }
  }
}

ExpressionPtr ExpressionParser::parse_subscript(ExpressionPtr base) {
  std::vector<ExpressionPtr> bounds;
  bounds.push_back(tokens_.is_operator(":") ? nullptr : parse_tuple());
  if (!tokens_.is_operator(":")) {
    tokens_.expect_operator("]");
    return make(Kind::kItem, make_operands(std::move(base), std::move(bounds[0])));
  }
  while (bounds.size() < 3 && tokens_.take_operator(":")) {
    const bool left_out = tokens_.is_operator(":") || tokens_.is_operator("]");
    bounds.push_back(left_out ? nullptr : parse());
  }
  tokens_.expect_operator("]");
  bounds.resize(3);
  bounds.insert(bounds.begin(), std::move(base));
  return make(Kind::kSlice, std::move(bounds));
}

ExpressionPtr ExpressionParser::parse_call(ExpressionPtr callee) {
  ExpressionPtr call = make(Kind::kCall, make_operands(std::move(callee)));
  parse_arguments(*call);
  return call;
}

void ExpressionParser::parse_arguments(Expression& call) {
  tokens_.expect_operator("(");
  bool first = true;
  while (!tokens_.take_operator(")")) {
    if (!first) {
      tokens_.expect_operator(",");
      if (tokens_.take_operator(")")) break;
    }
    first = false;
    if (tokens_.is_operator("*") || tokens_.is_operator("**")) tokens_.refuse_current("an argument");
    const bool keyword = tokens_.is(Token::Kind::kName) && tokens_.next().kind == Token::Kind::kOperator &&
                         tokens_.next().text == "=";
    std::string name;
    if (keyword) {
      name = tokens_.take().text;
      tokens_.take();
    }
    ExpressionPtr argument = parse();
    call.depth = std::max(call.depth, argument->depth + 1);
    if (keyword) {
      call.keywords.emplace_back(std::move(name), std::move(argument));
    } else if (!call.keywords.empty()) {
      refuse_template("an argument without a name after one with a name", argument->line);
    } else {
      call.operands.push_back(std::move(argument));
    }
  }
  check_depth(call);
}

ExpressionPtr ExpressionParser::parse_filters(ExpressionPtr base) {
  for (;;) {
    if (tokens_.take_operator("|")) {
      base = parse_filter(std::move(base));
    } else if (tokens_.take_name("is")) {
      base = parse_test(std::move(base));
    } else if (tokens_.is_operator("(")) {
      base = parse_call(std::move(base));
    } else {
      return base;
    }
  }
}

ExpressionPtr ExpressionParser::parse_filter(ExpressionPtr base) {
  if (!tokens_.is(Token::Kind::kName)) tokens_.refuse_current("the name of a filter");
  if (!is_filter(tokens_.current().text)) {
    refuse_template(fmt::format("the filter `{}` is not supported", tokens_.current().text),
                    tokens_.current().line);
  }
  ExpressionPtr filter = make(Kind::kFilter, make_operands(std::move(base)), tokens_.take().text);
  if (tokens_.is_operator("(")) parse_arguments(*filter);
  return filter;
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr base) {
  const DepthGuard guard(depth_, tokens_);
  const bool negated = tokens_.take_name("not");
  if (!tokens_.is(Token::Kind::kName)) tokens_.refuse_current("the name of a test");
  if (!is_test(tokens_.current().text)) {
    refuse_template(fmt::format("the test `{}` is not supported", tokens_.current().text),
                    tokens_.current().line);
  }
  ExpressionPtr test = make(Kind::kTest, make_operands(std::move(base)), tokens_.take().text);
  const Token& token = tokens_.current();
  const bool bare_argument = token.kind == Token::Kind::kString || token.kind == Token::Kind::kInteger ||
                             token.kind == Token::Kind::kFloat || tokens_.is_operator("[") ||
                             tokens_.is_operator("{") ||
                             (token.kind == Token::Kind::kName && token.text != "else" &&
                              token.text != "or" && token.text != "and" && token.text != "if");
  if (tokens_.is_operator("(")) {
    parse_arguments(*test);
  } else if (tokens_.is_name("is")) {
    tokens_.refuse_current("no second test in a row");
  } else if (bare_argument) {
    ExpressionPtr argument = parse_postfix(parse_primary());
    test->depth = std::max(test->depth, argument->depth + 1);
    test->operands.push_back(std::move(argument));
    check_depth(*test);
  }
  return negated ? make(Kind::kNot, make_operands(std::move(test))) : std::move(test);
}

}  // namespace lacuna::jinja
