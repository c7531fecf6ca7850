// Strict and lenient rules for true and false.
#pragma once

#include <string>
#include <string_view>

namespace lacuna::grading {

// `text`: a response after cut_response. "true", "false" or empty.
//
// At the start, after opening marks, true or false in any case, not followed by a letter or digit, a slash or
// "or".
std::string find_strict_boolean(std::string_view text);

// After echoes of the format ([True/False], True/False, True or False) are deleted, the first that finds one:
//   1  the last phrase: answer + is, :, = + true, false, yes, no
//   2  strict
//   3  yes or no as the first word
//   4  true or false anywhere if all of them agree ("not true" is false and the reverse)
std::string find_lenient_boolean(std::string_view text);

}  // namespace lacuna::grading
