// Rows of a GPQA file (Rein et al. 2023), as they are: CSV with a header row, or JSON lines with the same
// names.
//
// The authors ask that no question gets onto the web in plain text: no message made here quotes a cell.
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/ids.h"

namespace lacuna {

struct GpqaRow {
  QuestionId id;  // Record ID; "gpqa/<file stem>/<row from 0>" if there is none or a row above has it too
  std::string domain;  // High-level domain; may be empty
  std::string question;
  // Incorrect 1, 2, 3, Correct, nothing trimmed; none: the cell is empty (null in the hub's data set).
  std::array<std::optional<std::string>, 4> answers;
};

// Reads one file, .jsonl by its extension, else CSV. Columns are found by name (`Question`, `Correct Answer`,
// `Incorrect Answer 1`..`3` are needed, `Record ID` and `High-level domain` used if present); others are
// ignored. Throws InputError with file, line, row and column for a malformed row: a wrong number of cells, an
// empty question or correct answer.
std::vector<GpqaRow> read_gpqa_file(const std::filesystem::path& file);

}  // namespace lacuna
