// Tells a damaged or edited copy of an MMLU file from the original.
//
// The original is data.tar of github.com/hendrycks/test (MIT licence): 57 subjects, splits test and dev.
// Split val is not in the table.
#pragma once

#include <filesystem>
#include <string_view>

namespace lacuna {

enum class MmluCopy {
  kUnknown,        // not the name of an original file: nothing to compare with
  kOriginal,       // byte for byte
  kOtherLineEnds,  // the original after a conversion between LF and CR LF, which also changes line ends in
                   // cells
  kDifferent,
};

// Compares a file's whole content with the original of that name ("astronomy_test.csv", in whatever folder).
MmluCopy compare_with_original(const std::filesystem::path& file, std::string_view content);

}  // namespace lacuna
