// Limits on what one rendering may cost, so that a hostile template ends instead of filling the machine.
#pragma once

#include <cstddef>

#include "worker/tokenizer/jinja/failure.h"

namespace lacuna::jinja {

class Budget {
 public:
  static constexpr std::size_t kMaxSteps = 20'000'000;
  static constexpr std::size_t kMaxBytes = std::size_t{256} << 20U;  // of all strings and lists made, in sum

  // Call before the work is done.
  void spend_steps(std::size_t steps) {
    if (steps > steps_left_) throw Failure(Failure::Kind::kLimit, "the template takes too many steps");
    steps_left_ -= steps;
  }
  void spend_bytes(std::size_t bytes) {
    if (bytes > bytes_left_) throw Failure(Failure::Kind::kLimit, "the template produces too much text");
    bytes_left_ -= bytes;
  }

 private:
  std::size_t steps_left_ = kMaxSteps;
  std::size_t bytes_left_ = kMaxBytes;
};

}  // namespace lacuna::jinja
