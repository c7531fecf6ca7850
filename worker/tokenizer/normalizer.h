// The `normalizer` of a tokenizer.json: NFC, Prepend, Replace (of a string), and sequences of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/tokenizer/component.h"
#include "worker/tokenizer/text_growth.h"

namespace lacuna {

class Normalizer {
 public:
  Normalizer() = default;  // changes nothing
  // `component` may be null: no normalizer.
  explicit Normalizer(const Component& component);

  // The normalized text, or nothing if `text` (well-formed UTF-8) stays as it is.
  [[nodiscard]] std::optional<std::string> apply(std::string_view text) const;

 private:
  enum class Kind { kNfc, kPrepend, kReplace };
  struct Step {
    Kind kind;
    std::string pattern;      // kReplace
    std::string replacement;  // kReplace, kPrepend
  };
  void add(const Component& component, int depth, TextGrowth& growth);

  std::vector<Step> steps_;
};

// `text` with every `pattern` (not empty) replaced, from left to right.
std::string replace_all(std::string_view text, std::string_view pattern, std::string_view replacement);

}  // namespace lacuna
