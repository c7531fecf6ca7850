// How much of a tokenizer's files (tokenizer.json, tokenizer_config.json, chat_template.jinja) is read.
#pragma once

#include "core/whole_file.h"

namespace lacuna {

// The largest tokenizer.json in use have some 30 MB.
constexpr FileLimit kTokenizerFile = {"a file of a tokenizer", std::uint64_t{1} << 30U};

}  // namespace lacuna
