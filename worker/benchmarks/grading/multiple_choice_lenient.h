// Lenient rule for multiple choice: the first of six rules that finds a letter.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lacuna::grading {

// `text`: a response after cut_response. "A".."D" or empty. Full-width capitals count as ASCII.
//   1  the last box (boxed_letter.h)
//   2  the last phrase: answer (or option, choice) + is, are, =, :, would be, must be, should be, maybe a
//   colon and
//      marks + letter. After "option:" and "choice:" the letter stands on the same line. A small letter
//      counts only before ] ) . * or the end. A list of letters, or a letter rejected on the spot, is no
//      match.
//   3  strict (multiple_choice_strict.h)
//   4  a letter of either case at the start, then ] ) . : , * the end, a dash, or because, since, as, is;
//   with
//      the exclusions of strict
//   5  exactly one distinct capital among those in [X], (X), **X**, rejected ones left out
//   6  exactly one choice text occurs (choice_text.h)
std::string find_lenient_choice(std::string_view text, const std::vector<std::string>& choices);

}  // namespace lacuna::grading
