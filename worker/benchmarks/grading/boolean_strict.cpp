#include <vector>

#include "worker/benchmarks/grading/boolean.h"
#include "worker/benchmarks/grading/boolean_words.h"
#include "worker/benchmarks/grading/response_text.h"

namespace lacuna::grading {

std::string find_strict_boolean(std::string_view text) {
  const auto answer = read_boolean_word(text, skip_opening_marks(text, 0), kTrueFalse);
  return answer.value_or("");
}

}  // namespace lacuna::grading
