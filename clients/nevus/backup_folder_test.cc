#include "clients/nevus/backup_folder.h"

#include <filesystem>
#include <string>

#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "clients/cpp/files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using absl::StatusCode;

class BackupFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_THAT(WriteFile(backup_ + "/registry/000001.log", "models"), IsOk());
    ASSERT_THAT(WriteFile(backup_ + "/ingestion/CURRENT", "c"), IsOk());
    ASSERT_THAT(WriteFile(backup_ + "/ingestion/000001.blob", "images"),
                IsOk());
    manifest_.version = "0.1.0";
    manifest_.time = "2026-11-25T12:00:00+00:00";
    manifest_.bytes = {{"registry", 6}, {"ingestion", 7}};
  }
  absl::Status Restore() {
    const absl::StatusOr<BackupManifest> manifest = ReadManifest(backup_);
    if (!manifest.ok()) return manifest.status();
    return CopyBackup(backup_, *manifest, data_, [](const std::string&) {});
  }

  TempDir dir_;
  const std::string backup_ = dir_.File("backup");
  const std::string data_ = dir_.File("data");
  BackupManifest manifest_;
};

TEST_F(BackupFolderTest, WhatWasBackedUpIsRestoredByteForByte) {
  ASSERT_THAT(WriteManifest(backup_, manifest_), IsOk());
  ASSERT_THAT(Restore(), IsOk());
  EXPECT_EQ(ReadFile(data_ + "/registry/000001.log", 100).value(), "models");
  EXPECT_EQ(ReadFile(data_ + "/ingestion/000001.blob", 100).value(), "images");
  EXPECT_FALSE(std::filesystem::exists(data_ + ".restoring"));
  EXPECT_FALSE(std::filesystem::exists(data_ + "/manifest.json"));
}

TEST_F(BackupFolderTest, ABackupWithoutManifestIsRefused) {
  const absl::Status refused = Restore();
  EXPECT_THAT(refused,
              StatusIs(StatusCode::kFailedPrecondition, "manifest.json"));
  EXPECT_EQ(ReasonOf(refused), "BACKUP_INCOMPLETE");
  EXPECT_FALSE(std::filesystem::exists(data_));
}

TEST_F(BackupFolderTest, ABackupThatLostAFileIsRefused) {
  ASSERT_THAT(WriteManifest(backup_, manifest_), IsOk());
  std::filesystem::remove(backup_ + "/ingestion/CURRENT");
  absl::Status refused = Restore();
  EXPECT_THAT(refused, StatusIs(StatusCode::kFailedPrecondition,
                                "ingestion has 6 bytes, not 7"));
  std::filesystem::remove_all(backup_ + "/ingestion");
  refused = Restore();
  EXPECT_THAT(refused, StatusIs(StatusCode::kFailedPrecondition, "missing"));
  EXPECT_EQ(ReasonOf(refused), "BACKUP_INCOMPLETE");
}

TEST_F(BackupFolderTest, ADamagedOrNewerManifestIsRefused) {
  for (const char* text : {"", "[]", "{\"format\": 1}",
                           "{\"format\": 1, \"services\": {\"../x\": {}}}"}) {
    ASSERT_THAT(WriteFile(backup_ + "/manifest.json", text), IsOk());
    EXPECT_EQ(ReasonOf(Restore()), "BACKUP_INCOMPLETE") << text;
  }
  ASSERT_THAT(WriteFile(backup_ + "/manifest.json",
                        "{\"format\": 2, \"services\": {}}"),
              IsOk());
  EXPECT_EQ(ReasonOf(Restore()), "BACKUP_NEWER");
}

TEST_F(BackupFolderTest, ADirectoryThatIsNotEmptyIsRefusedAndLeftAlone) {
  ASSERT_THAT(WriteManifest(backup_, manifest_), IsOk());
  ASSERT_THAT(WriteFile(data_ + "/mine", "x"), IsOk());
  const absl::Status refused = Restore();
  EXPECT_THAT(refused, StatusIs(StatusCode::kFailedPrecondition, data_));
  EXPECT_EQ(ReasonOf(refused), "DIRECTORY_NOT_EMPTY");
  EXPECT_EQ(ReadFile(data_ + "/mine", 100).value(), "x");
  std::filesystem::remove(data_ + "/mine");
  EXPECT_THAT(Restore(), IsOk()) << "an empty one is taken";
}

TEST_F(BackupFolderTest, NoManifestForWhatIsNotHere) {
  manifest_.bytes["extraction"] = 5;
  const absl::Status refused = WriteManifest(backup_, manifest_);
  EXPECT_THAT(refused,
              StatusIs(StatusCode::kFailedPrecondition, "their machine"));
  EXPECT_EQ(ReasonOf(refused), "BACKUP_NOT_HERE");
  EXPECT_FALSE(std::filesystem::exists(backup_ + "/manifest.json"));
}

}  // namespace
}  // namespace nevus
