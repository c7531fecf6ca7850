// Scripts that measure other programs and print what they found as JSON.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/error.h"

namespace lacuna {

// `text` as one word of a shell command.
std::string quote_for_shell(std::string_view text);

// Runs the command in a shell -> the JSON value that it prints; its messages go to our stderr. Throws
// SystemError with the text `failure` if it cannot be started, fails, or prints anything else.
nlohmann::json read_script_output(const std::string& command, const ErrorText& failure);

}  // namespace lacuna
