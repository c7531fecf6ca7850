// A work unit's records as columns in memory, until they are written as a part.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/experiment_config.h"
#include "core/records.h"
#include "core/work_unit.h"
#include "results/column_group.h"
#include "results/hdf5_file.h"

namespace lacuna {

// The prompt traces or response passes of several sequences, one after another.
struct TraceColumns {
  std::vector<std::int64_t> row_offsets = {0};
  std::vector<std::int32_t> token;  // position in the prompt or response
  std::vector<float> norms;
  std::vector<std::uint8_t> active;

  void append(const TraceRows& rows);
};

// The comparisons of choices of several questions, one after another.
struct LoglikColumns {
  std::vector<std::int64_t> question;
  std::vector<std::int32_t> alpha;
  std::vector<std::int64_t> continuation_offsets = {0};
  std::vector<std::int32_t> continuation;
  std::vector<std::string> continuation_choice;
  std::vector<std::int32_t> token_count;
  std::vector<std::int32_t> character_count;
  std::vector<double> log_likelihood;
  std::vector<std::uint8_t> is_greedy;
  std::vector<std::string> choice;
  std::vector<std::uint8_t> correct;
  std::vector<std::string> choice_normalized;
  std::vector<std::uint8_t> correct_normalized;

  void append(QuestionIndex index, const ScoreRecord& score);
  void write(Hdf5File& file, const std::string& group, const std::string& sweep) const;
};

// All of one mode.
struct ModeColumns {
  std::vector<std::int64_t> prompt_question;
  std::vector<std::int32_t> prompt_alpha;
  TraceColumns pp;
  std::vector<std::int64_t> question;
  std::vector<std::int32_t> alpha;
  std::vector<std::int64_t> token_offsets = {0};
  std::vector<std::int32_t> token;
  std::vector<std::int32_t> token_ids;
  std::vector<std::string> text;
  std::vector<std::string> choice;
  std::vector<std::uint8_t> correct;
  std::vector<std::uint8_t> stop_reason;
  TraceColumns rg;
  LoglikColumns loglik;
  std::vector<std::int64_t> timed_question;
  std::vector<double> prefill_seconds;
  std::vector<double> decode_seconds;
};

class PartBuffer {
 public:
  // `modes`: those that this unit's records carry. `scoring`: whether they carry responses, scores, or both.
  PartBuffer(WorkUnit unit, std::int64_t layers, std::int64_t alphas, const std::vector<LacMode>& modes,
             std::vector<Scoring> scoring);

  [[nodiscard]] const WorkUnit& unit() const { return unit_; }
  [[nodiscard]] std::int64_t layers() const { return layers_; }
  [[nodiscard]] std::int64_t question_count() const { return static_cast<std::int64_t>(index_.size()); }

  // Throws std::logic_error if the record does not fit the unit.
  void add(const QuestionRecord& record);
  // Writes the groups of the sweep, without its scales (create_sweep).
  void write(Hdf5File& file, const std::string& sweep, bool norms) const;

 private:
  void check(const QuestionRecord& record) const;
  void check_trace(const TraceRows& rows, std::size_t tokens, std::int64_t alphas, const char* what) const;
  // Throws unless there is one answer (response or score) a mode and threshold if `is_wanted`, else none.
  template <class Answer>
  void check_answers(const QuestionRecord& record, const std::vector<Answer>& answers, bool is_wanted,
                     const char* what) const;
  [[nodiscard]] bool asks_for(Scoring wanted) const;
  void add_prompt(const QuestionRecord& record, ModeColumns& columns);
  static void add_response(const QuestionRecord& record, const ResponseRecord& response,
                           ModeColumns& columns);
  void write_mode(Hdf5File& file, const std::string& sweep, LacMode mode, const ModeColumns& columns,
                  bool norms) const;

  WorkUnit unit_;
  std::int64_t layers_;
  std::int64_t alphas_;
  std::vector<Scoring> scoring_;
  std::map<LacMode, ModeColumns> modes_;
  std::vector<std::int64_t> index_;
  std::vector<std::string> id_;
  std::vector<std::string> subject_;
  std::vector<std::string> gold_;
  std::vector<std::int64_t> prompt_token_offsets_ = {0};
  std::vector<std::int32_t> prompt_token_;
  std::vector<std::int32_t> prompt_token_ids_;
};

}  // namespace lacuna
