// The `decoder` of a tokenizer.json: tokens to text. ByteLevel, Metaspace, Replace (of a string),
// ByteFallback, Fuse, Strip, and sequences of them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "worker/tokenizer/component.h"
#include "worker/tokenizer/text_growth.h"

namespace lacuna {

class Decoder {
 public:
  // `component` may be null: the tokens are joined by spaces, as in the reference.
  explicit Decoder(const Component& component);

  // The text of `tokens` (as tokenizer.json writes them), well-formed UTF-8.
  [[nodiscard]] std::string decode(std::vector<std::string> tokens) const;

 private:
  enum class Kind { kByteLevel, kMetaspace, kReplace, kByteFallback, kFuse, kStrip };
  struct Step {
    Kind kind;
    std::string pattern = {};      // kReplace; kMetaspace: what stands for a space; kStrip: the character
    std::string replacement = {};  // kReplace
    std::size_t start = 0;         // kStrip: how many characters at most, at the start
    std::size_t stop = 0;          // and at the end
    bool drops_prefix = false;     // kMetaspace: the first token loses what stands for a space
  };
  void add(const Component& component, int depth, TextGrowth& growth);
  void add_metaspace(const Component& component);
  static void run(const Step& step, std::vector<std::string>& tokens);

  bool is_null_ = false;
  std::vector<Step> steps_;
};

}  // namespace lacuna
