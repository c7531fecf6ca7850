#include "worker/benchmarks/csv_file.h"

#include <fmt/format.h>

#include "core/error.h"
#include "worker/benchmarks/unicode_text.h"

namespace lacuna {
namespace {

class CsvParser {
 public:
  CsvParser(std::string_view text, const std::filesystem::path& file) : text_(text), file_(file) {}

  std::vector<CsvRow> parse() {
    while (position_ < text_.size()) {
      if (skip_line_end()) continue;
      read_row();
    }
    return std::move(rows_);
  }

 private:
  [[noreturn]] void fail(std::size_t position, std::string problem, std::string suggestion = {}) const {
    // Only a failing file pays for finding out where its lines end.
    std::int64_t line = 1;
    std::size_t line_start = 0;
    for (std::size_t i = 0; i < position; ++i) {
      if (text_[i] == '\n') {
        ++line;
        line_start = i + 1;
      }
    }
    throw InputError({.problem = fmt::format("row {}: {}", rows_.size() + 1, problem),
                      .why = "the file is not CSV as RFC 4180 describes it",
                      .suggestion = std::move(suggestion)},
                     SourceLocation{file_, line, static_cast<std::int64_t>(position - line_start) + 1});
  }

  bool skip_line_end() {
    if (text_[position_] == '\r' && position_ + 1 < text_.size() && text_[position_ + 1] == '\n') ++position_;
    if (text_[position_] != '\n') return false;
    ++position_;
    ++line_;
    line_start_ = position_;
    return true;
  }

  void read_row() {
    CsvRow row;
    for (;;) {
      const std::size_t start = position_;
      CsvCell cell{{}, line_, static_cast<std::int64_t>(start - line_start_) + 1};
      cell.text = text_[start] == '"' ? read_quoted_cell() : read_plain_cell();
      if (find_invalid_utf8(cell.text)) {
        fail(start, fmt::format("cell {} is not UTF-8", row.cells.size() + 1), "convert the file to UTF-8");
      }
      row.cells.push_back(std::move(cell));
      if (position_ < text_.size() && text_[position_] == ',') {
        ++position_;
        if (position_ < text_.size()) continue;
        row.cells.push_back(CsvCell{{}, line_, static_cast<std::int64_t>(position_ - line_start_) + 1});
      }
      break;
    }
    if (position_ < text_.size()) skip_line_end();
    rows_.push_back(std::move(row));
  }

  std::string read_plain_cell() {
    const std::size_t start = position_;
    for (; position_ < text_.size(); ++position_) {
      const char c = text_[position_];
      if (c == ',' || c == '\n') break;
      if (c == '\r') {
        if (position_ + 1 < text_.size() && text_[position_ + 1] == '\n') break;
        fail(position_, "a carriage return without line feed outside quotes");
      }
      if (c == '"') fail(position_, "a quote inside a cell that does not begin with one", "quote the cell");
    }
    return std::string(text_.substr(start, position_ - start));
  }

  std::string read_quoted_cell() {
    const std::size_t opening = position_;
    std::string cell;
    for (++position_; position_ < text_.size(); ++position_) {
      const char c = text_[position_];
      if (c == '"') {
        if (position_ + 1 < text_.size() && text_[position_ + 1] == '"') {
          ++position_;
        } else {
          ++position_;
          require_cell_end();
          return cell;
        }
      }
      if (c == '\n') {
        ++line_;
        line_start_ = position_ + 1;
      }
      cell.push_back(c);
    }
    fail(opening, "a quote is opened here and never closed", "the file may be cut off");
  }

  void require_cell_end() const {
    const std::string_view rest = text_.substr(position_);
    if (rest.empty() || rest[0] == ',' || rest[0] == '\n' || rest.starts_with("\r\n")) return;
    fail(position_, "text after a closing quote", "double the quotes inside a cell");
  }

  std::string_view text_;
  const std::filesystem::path& file_;
  std::size_t position_ = 0;
  std::int64_t line_ = 1;
  std::size_t line_start_ = 0;
  std::vector<CsvRow> rows_;
};

}  // namespace

std::vector<CsvRow> parse_csv(std::string_view text, const std::filesystem::path& file) {
  return CsvParser(text, file).parse();
}

}  // namespace lacuna
