// Strict rule for multiple choice: the answer stands at the start of the response.
#pragma once

#include <string>
#include <string_view>

namespace lacuna::grading {

// `text`: a response after cut_response. "A".."D" or empty.
//
// After opening marks either a capital A..D that is followed, after spaces, by one of ] ) . : , * ` $ quote,
// a line end or the end; or the word Option, maybe a colon, and a capital A..D that stands alone. None if a
// second letter follows as a list or the letter is rejected right there (letter_context.h).
std::string find_strict_choice(std::string_view text);

}  // namespace lacuna::grading
