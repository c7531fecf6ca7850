// What stands behind a letter decides whether it is an answer: a list of letters is none, and neither is a
// letter that is rejected on the spot.
#pragma once

#include <cstddef>
#include <string_view>

namespace lacuna::grading {

// In all of these `end` is the position right behind the letter.

// Not part of a longer thing: no letter or digit follows, no hyphen or apostrophe that ties it to a word
// ("C-14", "D's"), and it does not begin an abbreviation ("D.C.").
bool stands_alone(std::string_view text, std::size_t end);

// Whether another letter A..D follows as the next element of a list: "A or B", "A/B", "[A], [C]", "A.\nB.".
// An article ("B. A large cell"), a remark ("B, C is wrong") and the same letter again are no second element.
bool second_letter_follows(std::string_view text, std::size_t end);

// Whether the letter is rejected right there: "(B) is wrong", "B cannot be right", "B can be ruled out".
bool is_rejected(std::string_view text, std::size_t end);

// Whether the words before position `start` (in front of the letter and its marks) reject it: "not (B)",
// "rule out option (B)", "rather than (B)".
bool is_rejected_before(std::string_view text, std::size_t start);

}  // namespace lacuna::grading
