// How much longer the steps of a component may make a text, all together.
//
// Every step may put more bytes for one; a hostile file chains them, and a short text fills the memory. So a
// file whose steps multiply beyond `kMost` is refused when it is read. Real files stay below 16.
#pragma once

#include <cstddef>

#include "worker/tokenizer/component.h"

namespace lacuna {

class TextGrowth {
 public:
  static constexpr std::size_t kMost = 64;

  // A step that makes at most `factor` bytes out of one; `step` is named if that is too much.
  void multiply(std::size_t factor, const Component& step) {
    factor_ *= factor > 1 ? factor : 1;
    if (factor_ > kMost) step.refuse("this and the steps before may make a text more than 64 times longer");
  }
  // One that replaces strings of `pattern_bytes` (not 0) by strings of `replacement_bytes`.
  void multiply_by_replacement(std::size_t pattern_bytes, std::size_t replacement_bytes,
                               const Component& step) {
    multiply((replacement_bytes + pattern_bytes - 1) / pattern_bytes, step);
  }

 private:
  std::size_t factor_ = 1;
};

}  // namespace lacuna
