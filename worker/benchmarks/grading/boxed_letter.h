// First lenient rule: LaTeX boxes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lacuna::grading {

// Behind the commands that set a text in another face ("\text{", "\mathrm{", ...), opening marks and braces.
std::size_t skip_latex_wrappers(std::string_view text, std::size_t position);

// The letter of the last \boxed{...} that holds one, also inside \text{}, \mathrm{}, \textbf{} or parentheses
// and with a label's punctuation and text behind it ("\boxed{B. Lyon}"); a small letter only alone. "A".."D"
// or empty.
std::string find_boxed_letter(std::string_view text);

}  // namespace lacuna::grading
