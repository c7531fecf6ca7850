// Writes the demo's questions in the file formats of the benchmarks they imitate.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "apps/demo_maker/demo_questions.h"

namespace lacuna {

// One subject of MMLU's original layout: no header, question, four choices, letter; RFC 4180.
void write_mmlu_file(const std::filesystem::path& file, const std::vector<ChoiceQuestion>& questions);

// All 78 columns of gpqa_diamond.csv; those that the demo has no content for stay empty. `record_prefix`
// starts every Record ID and tells files apart.
void write_gpqa_file(const std::filesystem::path& file, const std::vector<ChoiceQuestion>& questions,
                     std::string_view record_prefix);

// BoolQ's JSON lines: question, title, answer, passage.
void write_boolq_file(const std::filesystem::path& file, const std::vector<PassageQuestion>& questions);

// Everything under `directory`: mmlu/{dev,test}/<subject>_{dev,test}.csv, gpqa.csv, boolq.jsonl.
void write_test_files(const std::filesystem::path& directory, const DemoTestSet& set);

}  // namespace lacuna
