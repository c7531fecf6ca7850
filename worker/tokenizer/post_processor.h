// The `post_processor` of a tokenizer.json: the special tokens around a text. TemplateProcessing (its
// `single` part), ByteLevel (which changes no ids), and sequences of them.
#pragma once

#include <vector>

#include "worker/tokenizer/component.h"
#include "worker/tokenizer/vocabulary.h"

namespace lacuna {

class PostProcessor {
 public:
  // `component` may be null: no special tokens.
  explicit PostProcessor(const Component& component);

  // Ids that go before and after those of the text.
  [[nodiscard]] const std::vector<TableId>& prefix() const { return prefix_; }
  [[nodiscard]] const std::vector<TableId>& suffix() const { return suffix_; }

 private:
  void add(const Component& component, int depth);
  void add_template(const Component& component);

  bool has_template_ = false;
  std::vector<TableId> prefix_;
  std::vector<TableId> suffix_;
};

}  // namespace lacuna
