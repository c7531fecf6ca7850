// A parsed template.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "worker/tokenizer/jinja/value.h"

namespace lacuna::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Expression {
  enum class Kind {
    kLiteral,     // literal
    kName,        // name
    kList,        // operands
    kTuple,       // operands
    kDict,        // operands: key, value, key, value, ...
    kAttribute,   // operands[0].name
    kItem,        // operands[0][operands[1]]
    kSlice,       // operands[0][operands[1]:operands[2]:operands[3]], each bound may be null
    kCall,        // operands[0](operands[1..], keywords)
    kFilter,      // operands[0] | name(operands[1..], keywords)
    kTest,        // operands[0] is name(operands[1..], keywords)
    kNot,         // operands[0]
    kNegative,    // operands[0]
    kPositive,    // operands[0]
    kAnd,         // operands[0], operands[1]
    kOr,          // operands[0], operands[1]
    kArithmetic,  // name: + - * / // %
    kConcat,      // operands joined by ~
    kCompare,     // operands[0] operators[0] operands[1] operators[1] operands[2] ...
    kCondition,   // operands[1] if operands[0] else operands[2] (may be null)
  };
  Kind kind;
  std::int64_t line;
  std::string name = {};
  Value literal = {};
  std::vector<ExpressionPtr> operands = {};
  std::vector<std::pair<std::string, ExpressionPtr>> keywords = {};
  std::vector<std::string> operators = {};
  std::size_t depth = 1;
};

struct Statement;
using Block = std::vector<Statement>;

// One arm of an if: `condition` is null for else.
struct Branch {
  ExpressionPtr condition;
  Block body;
};

struct Statement {
  enum class Kind {
    kText,      // text
    kOutput,    // expression
    kSet,       // target = expression
    kSetBlock,  // target = what body renders
    kIf,        // branches
    kFor,       // for targets in expression [if condition]: body, else otherwise
  };

  Kind kind;
  std::int64_t line;
  std::string text = {};
  std::vector<std::string> targets = {};  // names; for kSet one, or two: namespace and field
  ExpressionPtr expression = {};
  ExpressionPtr condition = {};
  Block body = {};
  Block otherwise = {};
  std::vector<Branch> branches = {};
};

}  // namespace lacuna::jinja
