// CSV files by RFC 4180, for data in which every byte of a cell counts.
//
// Rows end with LF or CR LF, the last one may have no line end; a file may mix both. Cells in quotes hold
// line ends (LF or CR LF) and doubled quotes as data. Nothing is trimmed. Empty lines between rows are
// skipped.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace lacuna {

struct CsvCell {
  std::string text;
  std::int64_t line = 0;    // of its first byte, from 1
  std::int64_t column = 0;  // byte in that line, from 1
};

struct CsvRow {
  std::vector<CsvCell> cells;  // at least one
};

// Splits a file's content. `file` is for messages, which never quote the content. Throws InputError with line
// and column for a quote that is never closed or stands inside an unquoted cell, text after a closing quote,
// a carriage return without line feed outside quotes, and bytes that are not UTF-8.
std::vector<CsvRow> parse_csv(std::string_view text, const std::filesystem::path& file);

}  // namespace lacuna
