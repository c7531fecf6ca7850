#include "worker/tokenizer/jinja/parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "worker/tokenizer/jinja/expression_parser.h"
#include "worker/tokenizer/jinja/token_stream.h"

namespace lacuna::jinja {
namespace {

using Kind = Statement::Kind;

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)), expressions_(tokens_) {}

  Block run() { return parse_block({}); }

 private:
  // Statements up to a tag whose name is one of `ends` (its {% is read, its name not), or to the end of the
  // template if `ends` is empty.
  Block parse_block(std::initializer_list<std::string_view> ends) {
    const DepthGuard guard(depth_, tokens_);
    Block block;
    for (;;) {
      const std::int64_t line = tokens_.current().line;
      if (tokens_.is(Token::Kind::kEnd)) {
        if (ends.size() != 0) refuse_template(fmt::format("`{}` is missing", *(ends.end() - 1)), line);
        return block;
      }
      if (tokens_.is(Token::Kind::kData)) {
        Statement text{Kind::kText, line};
        text.text = tokens_.take().text;
        block.push_back(std::move(text));
      } else if (tokens_.is(Token::Kind::kOutputBegin)) {
        tokens_.take();
        Statement output{Kind::kOutput, line};
        output.expression = expressions_.parse_tuple();
        tokens_.expect(Token::Kind::kOutputEnd, "`}}`");
        block.push_back(std::move(output));
      } else {
        tokens_.expect(Token::Kind::kBlockBegin, "a tag");
        if (std::any_of(ends.begin(), ends.end(),
                        [this](std::string_view end) { return tokens_.is_name(end); })) {
          return block;
        }
        block.push_back(parse_tag(line));
      }
    }
  }

  Statement parse_tag(std::int64_t line) {
    if (tokens_.take_name("if")) return parse_if(line);
    if (tokens_.take_name("for")) return parse_for(line);
    if (tokens_.take_name("set")) return parse_set(line);
    refuse_template(fmt::format("the tag `{}` is not supported here", tokens_.current().text), line);
  }

  void end_tag() { tokens_.expect(Token::Kind::kBlockEnd, "`%}`"); }

  Statement parse_if(std::int64_t line) {
    Statement statement{Kind::kIf, line};
    for (;;) {
      ExpressionPtr condition = expressions_.parse_tuple(false);
      end_tag();
      statement.branches.push_back({std::move(condition), parse_block({"elif", "else", "endif"})});
      if (!tokens_.take_name("elif")) break;
    }
    if (tokens_.take_name("else")) {
      end_tag();
      statement.branches.push_back({nullptr, parse_block({"endif"})});
    }
    tokens_.take();  // endif
    end_tag();
    return statement;
  }

  std::string parse_target() {
    if (!tokens_.is(Token::Kind::kName)) tokens_.refuse_current("a name to assign to");
    static constexpr std::string_view kReserved[] = {"true",  "false", "none", "True",
                                                     "False", "None",  "loop"};
    if (std::find(std::begin(kReserved), std::end(kReserved), tokens_.current().text) !=
        std::end(kReserved)) {
      tokens_.refuse_current("a name that may be assigned to");
    }
    return tokens_.take().text;
  }

  Statement parse_for(std::int64_t line) {
    Statement statement{Kind::kFor, line};
    const bool in_parentheses = tokens_.take_operator("(");
    do {
      statement.targets.push_back(parse_target());
    } while (tokens_.take_operator(","));
    if (in_parentheses) tokens_.expect_operator(")");
    if (!tokens_.take_name("in")) tokens_.refuse_current("`in`");
    statement.expression = expressions_.parse_tuple(false);
    if (tokens_.take_name("if")) statement.condition = expressions_.parse();
    end_tag();
    statement.body = parse_block({"else", "endfor"});
    if (tokens_.take_name("else")) {
      end_tag();
      statement.otherwise = parse_block({"endfor"});
    }
    tokens_.take();  // endfor
    end_tag();
    return statement;
  }

  Statement parse_set(std::int64_t line) {
    Statement statement{Kind::kSet, line};
    statement.targets.push_back(parse_target());
    if (tokens_.take_operator(".")) {
      if (!tokens_.is(Token::Kind::kName)) tokens_.refuse_current("the name of a field");
      statement.targets.push_back(tokens_.take().text);
    }
    if (tokens_.take_operator("=")) {
      statement.expression = expressions_.parse_tuple();
      end_tag();
      return statement;
    }
    statement.kind = Kind::kSetBlock;
    end_tag();
    statement.body = parse_block({"endset"});
    tokens_.take();  // endset
    end_tag();
    return statement;
  }

  TokenStream tokens_;
  ExpressionParser expressions_;
  int depth_ = 0;
};

}  // namespace

Block parse_template(std::vector<Token> tokens) {
  return Parser(std::move(tokens)).run();
}

}  // namespace lacuna::jinja
