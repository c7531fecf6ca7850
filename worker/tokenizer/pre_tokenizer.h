// The `pre_tokenizer` of a tokenizer.json: text to the words that the model encodes one by one.
//
// Split (behaviour Isolated), ByteLevel, Metaspace, and sequences of them; ByteLevel can only come last.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/tokenizer/bpe_model.h"
#include "worker/tokenizer/component.h"
#include "worker/tokenizer/split_pattern.h"
#include "worker/tokenizer/text_growth.h"

namespace lacuna {

// Buffers for one thread at a time.
struct PreTokenizerScratch {
  MatchScratch match;
  std::vector<std::string> texts;  // one per stage, for stages that rewrite the text
};

class PreTokenizer {
 public:
  using Visit = std::function<void(std::string_view)>;

  // `component` may be null: the text is one word.
  explicit PreTokenizer(const Component& component);

  // Whether the words are bytes that the vocabulary writes in the GPT-2 alphabet. (Words are passed on as
  // they are; only the model's tables know the alphabet.)
  [[nodiscard]] BpeModel::Alphabet alphabet() const;

  // Calls `visit` with each word of `text` (well-formed UTF-8, normalized) in order. `at_start`: whether
  // `text` begins where the whole text begins. Words are valid during the call only.
  void split(std::string_view text, bool at_start, PreTokenizerScratch& scratch, const Visit& visit) const;

 private:
  enum class Prefix { kNever, kFirst, kAlways };
  struct Stage {
    std::optional<SplitPattern> pattern;
    std::string space = {};  // Metaspace: what a space becomes; empty: spaces stay
    Prefix prefix = Prefix::kNever;
    std::string prefix_text = {};
    bool split_before_space = false;  // Metaspace with split
    bool is_byte_level = false;
  };
  void add(const Component& component, int depth, TextGrowth& growth);
  void add_byte_level(const Component& component, TextGrowth& growth);
  void add_metaspace(const Component& component, TextGrowth& growth);
  void run_stage(std::size_t index, std::string_view text, bool at_start, PreTokenizerScratch& scratch,
                 const Visit& visit) const;

  std::vector<Stage> stages_;
};

}  // namespace lacuna
