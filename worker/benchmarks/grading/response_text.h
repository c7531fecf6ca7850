// The small steps of which the grading rules are made: where a response ends, what is a mark, what words
// stand around a position. Positions are bytes; every step looks at a bounded window or at characters that no
// other step looks at again, so that a rule stays linear.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lacuna::grading {

// Cuts at the first end marker (<|im_end|>, <|endoftext|>, <|eot_id|>, <|end_of_text|>, </s>) and trims.
std::string_view cut_response(std::string_view response);

// Full-width A..D (U+FF21..U+FF24) as ASCII.
std::string replace_full_width_letters(std::string_view text);

// Single and double quotes, straight and typographic.
bool is_quote(char32_t character);

// After white space at `position`; `skip_spaces` stays on the line.
std::size_t skip_white_space(std::string_view text, std::size_t position);
std::size_t skip_spaces(std::string_view text, std::size_t position);
// After white space and the marks that may stand before an answer: [ ( * ` $ and quotes.
std::size_t skip_opening_marks(std::string_view text, std::size_t position);
// After marks that may stand behind an answer: ] ) } * ` $ _ and quotes (an apostrophe inside a word is
// none), no spaces.
std::size_t skip_closing_marks(std::string_view text, std::size_t position);

// At the end of the text or of a line.
bool at_line_end(std::string_view text, std::size_t position);
// Whether a letter stands at `position`.
bool letter_at(std::string_view text, std::size_t position);
// Whether a letter or digit stands right before or at `position`.
bool word_before(std::string_view text, std::size_t position);
bool word_at(std::string_view text, std::size_t position);

// The end of `word` (lower case, ASCII) if it stands at `position` in any case and no letter or digit
// follows.
std::optional<std::size_t> match_word(std::string_view text, std::size_t position, std::string_view word);
// The same for any of several words.
std::optional<std::size_t> match_any_word(std::string_view text, std::size_t position,
                                          const std::vector<std::string_view>& words);

// The next words (lower case, apostrophes straight) after `position`, at most `count`, as long as only white
// space separates them. A word of over 24 bytes ends the list.
std::vector<std::string> words_after(std::string_view text, std::size_t position, std::size_t count);
// The words before `position`, nearest first, after white space and marks.
std::vector<std::string> words_before(std::string_view text, std::size_t position, std::size_t count);

}  // namespace lacuna::grading
