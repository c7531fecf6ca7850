#include "worker/benchmarks/gpqa_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "worker/benchmarks/csv_file.h"
#include "worker/benchmarks/json_lines.h"
#include "worker/benchmarks/text_file.h"

namespace lacuna {
namespace {

using Path = std::filesystem::path;

const std::string kQuestion = "Question";
const std::string kRecordId = "Record ID";
const std::string kDomain = "High-level domain";
const std::array<std::string, 4> kAnswers = {"Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3",
                                             "Correct Answer"};
constexpr std::size_t kCorrect = 3;

// A Record ID that can stand in a result; anything else is replaced by the row's number.
bool is_usable_id(std::string_view id) {
  constexpr std::size_t kLongest = 64;
  return !id.empty() && id.size() <= kLongest && std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
  });
}

QuestionId make_id(const std::string& record_id, const Path& file, std::size_t row) {
  if (is_usable_id(record_id)) return QuestionId(record_id);
  return QuestionId(fmt::format("gpqa/{}/{}", file.stem().string(), row));
}

// Position of every named column.
class Header {
 public:
  Header(const CsvRow& row, const Path& file) : width_(row.cells.size()) {
    for (std::size_t i = 0; i < width_; ++i) {
      if (positions_.emplace(row.cells[i].text, i).second) continue;
      throw InputError({.problem = fmt::format("the header row names column {} twice", i + 1)},
                       SourceLocation{file, row.cells[i].line, row.cells[i].column});
    }
    for (const std::string& name : {kQuestion, kAnswers[0], kAnswers[1], kAnswers[2], kAnswers[3]}) {
      if (positions_.contains(name)) continue;
      throw InputError({.problem = fmt::format("no column '{}' in the header row", name),
                        .why = "a GPQA file names its columns in the first row",
                        .suggestion = "use gpqa_diamond.csv as it is downloaded"},
                       SourceLocation{file, 1});
    }
  }

  [[nodiscard]] std::size_t width() const { return width_; }
  // Null if there is no such column.
  [[nodiscard]] const CsvCell* find(const CsvRow& row, const std::string& name) const {
    const auto found = positions_.find(name);
    return found == positions_.end() ? nullptr : &row.cells[found->second];
  }

 private:
  std::size_t width_;
  std::map<std::string, std::size_t> positions_;
};

[[noreturn]] void fail_empty(const Path& file, std::size_t row, const std::string& name,
                             const CsvCell& cell) {
  throw InputError({.problem = fmt::format("row {}, column '{}': empty", row + 1, name)},
                   SourceLocation{file, cell.line, cell.column});
}

std::vector<GpqaRow> read_csv(const Path& file) {
  const std::vector<CsvRow> csv = parse_csv(read_text_file(file), file);
  if (csv.empty()) throw InputError({.problem = "the file is empty"}, SourceLocation{file});
  const Header header(csv.front(), file);
  std::vector<GpqaRow> rows;
  for (std::size_t i = 1; i < csv.size(); ++i) {
    const CsvRow& cells = csv[i];
    if (cells.cells.size() != header.width()) {
      throw InputError({.problem = fmt::format("row {} has {} cells", i, cells.cells.size()),
                        .why = fmt::format("the header row has {}", header.width())},
                       SourceLocation{file, cells.cells.front().line});
    }
    const auto text = [&](const std::string& name) {
      const CsvCell* const cell = header.find(cells, name);
      return cell == nullptr ? std::string() : cell->text;
    };
    GpqaRow row{make_id(text(kRecordId), file, i - 1), text(kDomain), text(kQuestion), {}};
    for (std::size_t answer = 0; answer < kAnswers.size(); ++answer) {
      if (std::string cell = text(kAnswers[answer]); !cell.empty()) row.answers[answer] = std::move(cell);
    }
    if (row.question.empty()) fail_empty(file, i - 1, kQuestion, *header.find(cells, kQuestion));
    if (!row.answers[kCorrect]) {
      fail_empty(file, i - 1, kAnswers[kCorrect], *header.find(cells, kAnswers[kCorrect]));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<GpqaRow> read_json_lines(const Path& file) {
  std::vector<GpqaRow> rows;
  for_each_json_row(read_text_file(file), file, [&](const JsonRow& json) {
    GpqaRow row{make_id(json.get_optional_string(kRecordId).value_or(""), file, rows.size()),
                json.get_optional_string(kDomain).value_or(""),
                json.get_string(kQuestion),
                {}};
    for (std::size_t answer = 0; answer < kAnswers.size(); ++answer) {
      row.answers[answer] = json.get_optional_string(kAnswers[answer]);
    }
    if (row.question.empty()) json.fail(kQuestion, "empty");
    if (!row.answers[kCorrect]) json.fail(kAnswers[kCorrect], "missing");
    rows.push_back(std::move(row));
  });
  return rows;
}

}  // namespace

std::vector<GpqaRow> read_gpqa_file(const Path& file) {
  std::vector<GpqaRow> rows = file.extension() == ".jsonl" ? read_json_lines(file) : read_csv(file);
  std::map<std::string, std::size_t> seen;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!seen.emplace(rows[i].id.value(), i).second) rows[i].id = make_id("", file, i);
  }
  return rows;
}

}  // namespace lacuna
