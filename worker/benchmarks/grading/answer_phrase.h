// Phrases that announce an answer: "the answer is", "Answer:", "correct choice would be".
#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

namespace lacuna::grading {

// All lower case; links are words ("would be") or one punctuation character.
struct PhraseWords {
  std::vector<std::string_view> nouns;
  std::vector<std::string_view> links;
};

struct AnswerPhrase {
  std::string_view noun;
  std::string_view link;
  std::size_t end = 0;  // behind the link and the colon that may follow a word
};

// Calls `take` for every noun + link in `text`, in order, whatever follows. Marks may stand between the two
// ("**Answer**: ").
void for_each_answer_phrase(std::string_view text, const PhraseWords& words,
                            const std::function<void(const AnswerPhrase&)>& take);

}  // namespace lacuna::grading
