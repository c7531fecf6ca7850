#include "results/part_audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "results/checksum_trailer.h"
#include "results/hdf5_file.h"
#include "results/merge.h"
#include "results/run_verification.h"
#include "tests/results/synthetic_run.h"
#include "tests/results/unreadable_file.h"

namespace lacuna {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::names_in;
using ::testing::SizeIs;
using testing::SyntheticRun;
using testing::TemporaryFolder;

// A run with all of its parts, one of which a test spoils.
class PartAuditTest : public ::testing::Test {
 protected:
  PartAuditTest() {
    made.write_manifest_file();
    made.write_parts(made.all_units());
  }

  [[nodiscard]] PartAudit audit() const { return audit_parts(made.run, made.manifest()); }
  [[nodiscard]] std::filesystem::path part(std::size_t unit) const {
    return made.run.part_file(made.plan[unit].id);
  }
  // Audits once and expects that only the part of plan[1] went, for this reason.
  void expect_quarantined(const std::string& why) const {
    const PartAudit result = audit();
    ASSERT_THAT(result.quarantined, SizeIs(1));
    EXPECT_EQ(result.quarantined[0].file, part(1));
    EXPECT_THAT(result.quarantined[0].why, HasSubstr(why));
    EXPECT_FALSE(std::filesystem::exists(part(1)));
    EXPECT_TRUE(std::filesystem::exists(result.quarantined[0].moved_to));
    EXPECT_FALSE(result.committed.contains(made.plan[1].id));
    EXPECT_THAT(result.committed, SizeIs(made.plan.size() - 1));
    EXPECT_THAT(audit().quarantined, SizeIs(0));
  }

  TemporaryFolder folder;
  SyntheticRun made{folder.path() / "run"};
};

TEST_F(PartAuditTest, WholePartsAreCommitted) {
  const PartAudit result = audit();
  EXPECT_THAT(result.committed, SizeIs(made.plan.size()));
  EXPECT_THAT(result.quarantined, SizeIs(0));
  EXPECT_FALSE(std::filesystem::exists(made.run.damaged_folder()));
}

TEST_F(PartAuditTest, ARunWithoutPartsIsEmpty) {
  std::filesystem::remove_all(made.run.parts_folder());
  EXPECT_THAT(audit().committed, SizeIs(0));
}

TEST_F(PartAuditTest, AFlippedBit) {
  testing::flip_bit(part(1), std::filesystem::file_size(part(1)) / 2);
  expect_quarantined("its checksum does not match");
}

TEST_F(PartAuditTest, ATruncatedPart) {
  std::filesystem::resize_file(part(1), std::filesystem::file_size(part(1)) / 2);
  expect_quarantined("it does not end in a checksum");
}

TEST_F(PartAuditTest, AnEmptyFile) {
  std::filesystem::resize_file(part(1), 0);
  expect_quarantined("too short");
}

TEST_F(PartAuditTest, ADirectory) {
  std::filesystem::remove(part(1));
  std::filesystem::create_directory(part(1));
  expect_quarantined("it is a directory");
}

TEST_F(PartAuditTest, ALinkToNowhere) {
  std::filesystem::remove(part(1));
  std::filesystem::create_symlink("/nowhere", part(1));
  const PartAudit result = audit();
  ASSERT_THAT(result.quarantined, SizeIs(1));
  EXPECT_THAT(result.quarantined[0].why, HasSubstr("No such file"));
}

// A checksum that fits says nothing of whose part it is.
TEST_F(PartAuditTest, APartOfAnotherUnit) {
  testing::write_bytes(part(1), testing::read_bytes(part(0)));
  expect_quarantined("its unit is 'm0.b0.shared.0000'");
}

TEST_F(PartAuditTest, APartOfAnotherRun) {
  SyntheticRun other(folder.path() / "other");
  other.fingerprint = "another";
  other.write_parts({1});
  testing::write_bytes(part(1), testing::read_bytes(other.run.part_file(made.plan[1].id)));
  expect_quarantined("its run_fingerprint is 'another' instead of '0123456789abcdef'");
}

TEST_F(PartAuditTest, AnotherRangeOfQuestions) {
  SyntheticRun other(folder.path() / "other");
  other.plan[1].question_count = 2;
  other.write_parts({1});
  testing::write_bytes(part(1), testing::read_bytes(other.run.part_file(made.plan[1].id)));
  expect_quarantined("its question_count is '2' instead of '3'");
}

TEST_F(PartAuditTest, ForeignBytesWithAChecksum) {
  testing::write_bytes(part(1), std::vector<char>(1000, 'x'));
  append_checksum_trailer(part(1));
  expect_quarantined("cannot open the HDF5 file");
}

TEST_F(PartAuditTest, ForeignHdf5WithAChecksum) {
  Hdf5File::create(part(1)).close();
  append_checksum_trailer(part(1));
  expect_quarantined("format");
}

TEST_F(PartAuditTest, NamesThatThePlanDoesNotKnow) {
  testing::write_bytes(made.run.parts_folder() / "copy of a part.h5", testing::read_bytes(part(0)));
  const PartAudit result = audit();
  ASSERT_THAT(result.quarantined, SizeIs(1));
  EXPECT_EQ(result.quarantined[0].why, "no unit of this run has its name");
  EXPECT_THAT(result.committed, SizeIs(made.plan.size()));
  EXPECT_NO_THROW(merge_run(made.run));
}

TEST_F(PartAuditTest, NothingInDamagedIsEverOverwrittenAndReasonsAreKept) {
  for (int i = 0; i < 3; ++i) {
    testing::write_bytes(part(1), {'x', static_cast<char>('0' + i)});
    (void)audit();
  }
  const std::string name = part(1).filename().string();
  EXPECT_THAT(names_in(made.run.damaged_folder()),
              ElementsAre(name + ".1", name + ".2", name + ".3", "reasons.jsonl"));
  EXPECT_THAT(testing::read_bytes(made.run.damaged_folder() / (name + ".2")), ElementsAre('x', '1'));
  const auto files = read_quarantine(made.run);
  ASSERT_THAT(files, SizeIs(3));
  EXPECT_EQ(files[2].moved_to.filename(), name + ".3");
  EXPECT_EQ(files[2].why, "it is too short to be whole");
}

TEST_F(PartAuditTest, WhatWasQuarantinedIsComputedAgainAndMergesToTheSame) {
  const auto before = content_digest(merge_run(made.run));
  testing::flip_bit(part(1), 900);
  (void)audit();
  made.write_parts({1});
  EXPECT_EQ(content_digest(merge_run(made.run)), before);
}

// A disk that cannot read a part at the moment says nothing about the part.
TEST_F(PartAuditTest, APartThatCannotBeReadIsLeftWhereItIs) {
  const auto message = [&] {
    const testing::UnreadableFile closed(part(1));
    try {
      (void)audit();
    } catch (const StorageError& error) {
      return std::string(error.what());
    }
    return std::string("no StorageError");
  }();
  EXPECT_THAT(message, AllOf(HasSubstr(part(1).string()), HasSubstr("Permission denied"),
                             HasSubstr("start the same command again")));
  EXPECT_FALSE(std::filesystem::exists(made.run.damaged_folder()));
  EXPECT_THAT(audit().committed, SizeIs(made.plan.size())) << "it can be read again";
}

TEST_F(PartAuditTest, MergingAndVerifyingSayThatAPartCannotBeReadRatherThanThatItIsDamaged) {
  const testing::UnreadableFile closed(part(1));
  EXPECT_THROW((void)merge_run(made.run), StorageError);
  EXPECT_THROW((void)verify_run(made.run, {}), StorageError);
}

TEST_F(PartAuditTest, ADiskThatCannotMoveTheFileIsAStorageError) {
  testing::flip_bit(part(1), 900);
  std::ofstream(made.run.damaged_folder()) << "in the way";
  EXPECT_THROW((void)audit(), StorageError);
  EXPECT_TRUE(std::filesystem::exists(part(1)));
}

}  // namespace
}  // namespace lacuna
