// In which order the four answers of a GPQA row are shown.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/ids.h"

namespace lacuna {

enum class ChoiceOrder : std::uint8_t {
  kFixed,   // a permutation that depends on the seed and the question's id alone
  kAuthor,  // Incorrect 1, 2, 3, Correct: the released code of arXiv 2505.14467; the right answer is always D
  kHarness,  // as lm-evaluation-harness shuffles, one pass over the rows of the file in order
};
// "fixed", "author", "harness"; throws InputError that lists them.
ChoiceOrder parse_choice_order(std::string_view name);

// Element i is the position of the i-th shown answer in the row's list: Incorrect 1, 2, 3, Correct.
using Permutation = std::array<std::uint8_t, 4>;

// Permutation of one question under kFixed: Fisher-Yates (for last = 3, 2, 1 swap elements last and
// floor(u * (last + 1)) of 0, 1, 2, 3) with u from core/counter_random.h, drawn for this seed, id and 3 -
// last. So neither the place of the question in a file nor the selection of questions matters. This
// definition must never change: stored results refer to it.
Permutation permute_fixed(std::uint64_t seed, const QuestionId& id);

// Permutations of `rows` rows under kHarness: random.shuffle of a fresh random.Random(python_seed), row by
// row.
std::vector<Permutation> permute_like_harness(std::uint32_t python_seed, std::size_t rows);

}  // namespace lacuna
