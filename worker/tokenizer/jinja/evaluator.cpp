#include "worker/tokenizer/jinja/evaluator.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/tokenizer/jinja/arguments.h"
#include "worker/tokenizer/jinja/filters.h"
#include "worker/tokenizer/jinja/methods.h"
#include "worker/tokenizer/jinja/operations.h"
#include "worker/tokenizer/jinja/python_text.h"

namespace lacuna::jinja {
namespace {

using Scope = std::map<std::string, Value>;

constexpr std::array<std::string_view, 4> kFunctions = {"raise_exception", "namespace", "range", "dict"};
constexpr std::int64_t kMaxRange = 100'000;  // as Jinja2's sandbox

class Evaluator {
 public:
  Evaluator(Scope variables, Budget& budget) : budget_(budget) { scopes_.push_back(std::move(variables)); }

  std::string run(const Block& block) {
    try {
      run_block(block);
    } catch (const Failure& failure) {
      if (failure.line() != 0) throw;
      throw Failure(failure.kind(), failure.what(), line_);
    }
    return std::move(output_);
  }

 private:
  void run_block(const Block& block) {
    for (const Statement& statement : block) {
      budget_.spend_steps(1);
      line_ = statement.line;
      run_statement(statement);
    }
  }

  void run_statement(const Statement& statement) {
    switch (statement.kind) {
      case Statement::Kind::kText:
        return put(statement.text);
      case Statement::Kind::kOutput:
        return put(to_text(evaluate(*statement.expression), budget_));
      case Statement::Kind::kSet:
        return assign(statement.targets, evaluate(*statement.expression));
      case Statement::Kind::kSetBlock:
        return run_set_block(statement);
      case Statement::Kind::kIf:
        return run_if(statement);
      case Statement::Kind::kFor:
        return run_for(statement);
    }
  }

  void put(std::string_view text) {
    budget_.spend_bytes(text.size());
    output_ += text;
  }

  void assign(const std::vector<std::string>& targets, Value value) {
    if (targets.size() == 1) {
      scopes_.back()[targets[0]] = std::move(value);
      return;
    }
    Namespace* const space = look_up(targets[0]).as_namespace();
    if (space == nullptr) raise("cannot assign attribute on non-namespace object");
    if (value.as_namespace() != nullptr) refuse_template("a namespace within another value is not supported");
    space->fields[targets[1]] = std::move(value);
  }

  void run_set_block(const Statement& statement) {
    std::string outside = std::exchange(output_, {});
    scopes_.emplace_back();
    run_block(statement.body);
    scopes_.pop_back();
    assign(statement.targets, std::exchange(output_, std::move(outside)));
  }

  void run_if(const Statement& statement) {
    for (const Branch& branch : statement.branches) {
      if (!branch.condition || is_true(evaluate(*branch.condition))) return run_block(branch.body);
    }
  }

  void bind_targets(const std::vector<std::string>& targets, const Value& item) {
    if (targets.size() == 1) {
      scopes_.back()[targets[0]] = item;
      return;
    }
    const std::vector<Value> parts = list_elements(item, budget_);
    if (parts.size() < targets.size()) {
      raise(fmt::format("not enough values to unpack (expected {}, got {})", targets.size(), parts.size()));
    }
    if (parts.size() > targets.size()) {
      raise(fmt::format("too many values to unpack (expected {})", targets.size()));
    }
    for (std::size_t i = 0; i < targets.size(); ++i) scopes_.back()[targets[i]] = parts[i];
  }

  // The elements to loop over: those that pass the condition, so that loop.length and loop.last count them
  // only.
  std::vector<Value> collect_items(const Statement& statement) {
    std::vector<Value> items = list_elements(evaluate(*statement.expression), budget_);
    if (!statement.condition) return items;
    std::vector<Value> kept;
    for (Value& item : items) {
      scopes_.emplace_back();
      bind_targets(statement.targets, item);
      const bool keep = is_true(evaluate(*statement.condition));
      scopes_.pop_back();
      if (keep) kept.push_back(std::move(item));
    }
    return kept;
  }

  void run_for(const Statement& statement) {
    const std::vector<Value> items = collect_items(statement);
    if (items.empty()) {
      scopes_.emplace_back();
      run_block(statement.otherwise);
      scopes_.pop_back();
      return;
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
      budget_.spend_steps(1);
      LoopState loop{static_cast<std::int64_t>(i), static_cast<std::int64_t>(items.size()),
                     i == 0 ? Value::undefined("there is no previous item") : items[i - 1],
                     i + 1 == items.size() ? Value::undefined("there is no next item") : items[i + 1]};
      scopes_.emplace_back();
      bind_targets(statement.targets, items[i]);
      scopes_.back()["loop"] = std::make_shared<const LoopState>(std::move(loop));
      run_block(statement.body);
      scopes_.pop_back();
    }
  }

  Value look_up(const std::string& name) {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      const auto found = scope->find(name);
      if (found != scope->end()) return found->second;
    }
    const auto function = std::find(kFunctions.begin(), kFunctions.end(), name);
    if (function != kFunctions.end()) return Function{*function};
    return Value::undefined(fmt::format("'{}' is undefined", name));
  }

  Value evaluate(const Expression& expression) {
    budget_.spend_steps(1);
    line_ = expression.line;
    const auto operand = [&](std::size_t i) { return evaluate(*expression.operands[i]); };
    switch (expression.kind) {
      case Expression::Kind::kLiteral:
        return expression.literal;
      case Expression::Kind::kName:
        return look_up(expression.name);
      case Expression::Kind::kList:
      case Expression::Kind::kTuple:
        return evaluate_list(expression);
      case Expression::Kind::kDict:
        return evaluate_dict(expression);
      case Expression::Kind::kAttribute:
        return get_attribute(operand(0), expression.name, budget_);
      case Expression::Kind::kItem: {
        const Value base = operand(0);
        return get_item(base, operand(1), budget_);
      }
      case Expression::Kind::kSlice:
        return evaluate_slice(expression);
      case Expression::Kind::kCall:
        return call(operand(0), evaluate_arguments(expression));
      case Expression::Kind::kFilter: {
        const Value subject = operand(0);
        return apply_filter(expression.name, subject, evaluate_arguments(expression), budget_);
      }
      case Expression::Kind::kTest: {
        const Value subject = operand(0);
        return apply_test(expression.name, subject, evaluate_arguments(expression), budget_);
      }
      case Expression::Kind::kNot:
        return !is_true(operand(0));
      case Expression::Kind::kNegative:
        return negate(operand(0));
      case Expression::Kind::kPositive:
        return apply_arithmetic("+", std::int64_t{0}, operand(0), budget_);
      case Expression::Kind::kAnd:
      case Expression::Kind::kOr:
        return evaluate_and_or(expression);
      case Expression::Kind::kArithmetic:
        return evaluate_arithmetic(expression);
      case Expression::Kind::kConcat:
        return evaluate_concat(expression);
      case Expression::Kind::kCompare:
        return evaluate_compare(expression);
      case Expression::Kind::kCondition:
        return evaluate_condition(expression);
    }
    throw std::logic_error("unknown kind of expression");
  }

  // The operand that decides, as in Python.
  Value evaluate_and_or(const Expression& expression) {
    Value left = evaluate(*expression.operands[0]);
    const bool needs_right = is_true(left) == (expression.kind == Expression::Kind::kAnd);
    return needs_right ? evaluate(*expression.operands[1]) : left;
  }

  Value evaluate_arithmetic(const Expression& expression) {
    const Value left = evaluate(*expression.operands[0]);
    const Value right = evaluate(*expression.operands[1]);
    line_ = expression.line;
    return apply_arithmetic(expression.name, left, right, budget_);
  }

  Value evaluate_condition(const Expression& expression) {
    if (is_true(evaluate(*expression.operands[0]))) return evaluate(*expression.operands[1]);
    if (expression.operands.size() > 2) return evaluate(*expression.operands[2]);
    return Value::undefined("the inline if-expression evaluated to false and no else section was defined.");
  }

  Value evaluate_list(const Expression& expression) {
    std::vector<Value> items;
    for (const auto& item : expression.operands) items.push_back(evaluate(*item));
    return make_list(std::move(items), budget_, expression.kind == Expression::Kind::kTuple);
  }

  Value evaluate_dict(const Expression& expression) {
    std::vector<std::pair<std::string, Value>> items;
    for (std::size_t i = 0; i + 1 < expression.operands.size(); i += 2) {
      const Value key = evaluate(*expression.operands[i]);
      if (!key.is_string()) refuse_template("a dict key that is not a string is not supported");
      items.emplace_back(*key.as_string(), evaluate(*expression.operands[i + 1]));
    }
    return make_dict(std::move(items), budget_);
  }

  Value evaluate_slice(const Expression& expression) {
    const Value base = evaluate(*expression.operands[0]);
    std::array<std::optional<std::int64_t>, 3> bounds;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      if (!expression.operands[i + 1]) continue;
      const Value bound = evaluate(*expression.operands[i + 1]);
      if (bound.is_none()) continue;
      if (bound.as_integer() == nullptr) {
        raise("slice indices must be integers or None or have an __index__ method");
      }
      bounds[i] = *bound.as_integer();
    }
    return take_slice(base, {bounds[0], bounds[1], bounds[2]}, budget_);
  }

  Value evaluate_concat(const Expression& expression) {
    std::string text;
    for (const auto& part : expression.operands) text += to_text(evaluate(*part), budget_);
    budget_.spend_bytes(text.size());
    return text;
  }

  Value evaluate_compare(const Expression& expression) {
    Value left = evaluate(*expression.operands[0]);
    for (std::size_t i = 0; i < expression.operators.size(); ++i) {
      Value right = evaluate(*expression.operands[i + 1]);
      if (!compare(expression.operators[i], left, right, budget_)) return false;
      left = std::move(right);
    }
    return true;
  }

  Arguments evaluate_arguments(const Expression& expression) {
    Arguments arguments;
    for (std::size_t i = 1; i < expression.operands.size(); ++i) {
      arguments.positional.push_back(evaluate(*expression.operands[i]));
    }
    for (const auto& [name, value] : expression.keywords)
      arguments.keywords.emplace_back(name, evaluate(*value));
    return arguments;
  }

  Value call(const Value& callee, const Arguments& arguments) {
    require_defined(callee);
    if (const BoundMethod* method = callee.as_method()) return call_method(*method, arguments, budget_);
    if (const Function* function = callee.as_function()) return call_function(function->name, arguments);
    raise(fmt::format("'{}' object is not callable", name_type(callee)));
  }

  Value call_function(std::string_view name, const Arguments& arguments) {
    ArgumentReader reader(fmt::format("the function `{}`", name), arguments);
    if (name == "raise_exception") raise(to_text(reader.take("message"), budget_));
    if (name == "range") return make_range(reader);
    std::vector<std::pair<std::string, Value>> fields;
    if (!arguments.positional.empty()) {
      const Value start = reader.take("mapping");
      if (start.as_dict() == nullptr) refuse_template(fmt::format("{} of this value is not supported", name));
      fields = start.as_dict()->items;
    }
    for (auto& field : reader.take_rest().keywords) fields.push_back(std::move(field));
    reader.finish();
    Value dict = make_dict(std::move(fields), budget_);
    if (name == "dict") return dict;
    auto space = std::make_shared<Namespace>();
    for (const auto& [key, value] : dict.as_dict()->items) space->fields[key] = value;
    return space;
  }

  Value make_range(ArgumentReader& reader) {
    const auto first = reader.find_integer("start");
    const auto second = reader.find_integer("stop");
    const std::int64_t step = reader.find_integer("step").value_or(1);
    reader.finish();
    if (!first) raise("range expected at least 1 argument, got 0");
    if (step == 0) raise("range() arg 3 must not be zero");
    const std::int64_t start = second ? *first : 0;
    const std::int64_t stop = second ? *second : *first;
    std::vector<Value> numbers;
    for (std::int64_t number = start; step > 0 ? number < stop : number > stop;) {
      if (std::ssize(numbers) >= kMaxRange) {
        raise(fmt::format("Range too big. The sandbox blocks ranges larger than MAX_RANGE ({}).", kMaxRange));
      }
      budget_.spend_bytes(sizeof(Value));
      numbers.emplace_back(number);
      if (__builtin_add_overflow(number, step, &number)) break;
    }
    return make_list(std::move(numbers), budget_);
  }

  Budget& budget_;
  std::vector<Scope> scopes_;
  std::string output_;
  std::int64_t line_ = 1;
};

}  // namespace

std::string render_template(const Block& block, std::map<std::string, Value> variables, Budget& budget) {
  return Evaluator(std::move(variables), budget).run(block);
}

}  // namespace lacuna::jinja
