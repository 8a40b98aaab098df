// Backup, restore and verify, on real processes: a copy that is taken in the
// midst of work becomes a second instance that knows all that was acknowledged
// before, and goes on with what was not finished.
#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/rpc/channel.h"
#include "base/rpc/grpc_status.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/job.grpc.pb.h"
#include "protos/nevus/v1/system.grpc.pb.h"
#include "tests/harness/cluster.h"
#include "tests/harness/process.h"

namespace nevus {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

constexpr int kFewImages = 24;

// Where a service's process keeps its data, below the cluster's directory.
std::string DataOf(const std::string& service) {
  return TopologyFromEnvironment() == Topology::kOneProcess ? "data-all"
                                                            : "data-" + service;
}

// Waits until `reached`; false after a time that only a failure reaches.
template <typename Reached>
bool Eventually(const Reached& reached) {
  const StopSignal never;
  const Stopwatch watch;
  while (!reached()) {
    if (watch.Seconds() > 120) return false;
    never.WaitFor(absl::Milliseconds(20));
  }
  return true;
}

class BackupTest : public testing::Test {
 protected:
  void SetUp() override { Start(dir_.File("first")); }

  void Start(const std::string& dir) {
    auto started = Cluster::Start(TopologyFromEnvironment(), dir);
    ASSERT_THAT(started, IsOk());
    cluster_ = *std::move(started);
  }

  std::string AddressOf(const std::string& service) const {
    return ServiceAddresses::Parse(cluster_->server())->Find(service);
  }

  json Run(std::vector<std::string> arguments) {
    const std::string text = cluster_->CliJson(std::move(arguments));
    json value = json::parse(text, nullptr, false);
    EXPECT_FALSE(value.is_discarded()) << "not one JSON value: " << text;
    return value;
  }

  std::string Generate(const std::string& name, int count, int seed) {
    const std::string folder = dir_.File(name);
    Run({"dataset", "generate", folder, "--count", absl::StrCat(count),
         "--size", "64", "--seed", absl::StrCat(seed)});
    return folder;
  }

  std::vector<std::string> ImportOf(const std::string& dataset,
                                    const std::string& folder) {
    return {"dataset",
            "import",
            dataset,
            "--images",
            folder + "/images",
            "--labels",
            folder + "/labels.csv",
            "--label-column",
            "label"};
  }

  // skin@1, its features, melanoma@production.
  void MakeAModel() {
    Run(ImportOf("skin", Generate("skin", 90, 1)));
    Run({"dataset", "split", "skin", "--train", "0.6", "--validation", "0.2",
         "--test", "0.2", "--seed", "1"});
    Run({"dataset", "seal", "skin"});
    Run({"backbone", "import", "small", "--arch", "vgg16", "--weights",
         "random:0", "--input-size", "32"});
    Run({"extract", "skin@1", "--backbone", "small", "--wait"});
    Run({"train", "skin@1", "--backbone", "small", "--model", "melanoma",
         "--positive", "melanoma", "--seed", "3", "--wait"});
    Run({"model", "promote", "melanoma@1", "--alias", "production"});
  }

  // All that is finished, as a user sees it.
  json Finished() {
    json all;
    all["dataset"] = Run({"dataset", "show", "skin@1"});
    all["backbone"] = Run({"backbone", "show", "small"});
    all["model"] = Run({"model", "show", "melanoma@production"});
    all["answers"] = json::array();
    for (const json& row : Run({"classify", dir_.File("skin/images"), "--model",
                                "melanoma@production"})) {
      all["answers"].push_back(row["probability"]);
    }
    for (const std::string& job : finished_jobs_) {
      all["jobs"].push_back(Run({"job", "show", job}));
    }
    return all;
  }

  // Sets `backup` and returns the extraction of few@1 that was under way before
  // the copy was begun and after it was done. One that ended too soon is
  // followed by one of a larger network, four times the work; "" after the
  // last.
  std::string BackUpWhileAJobRuns(std::string& backup) {
    for (int pixels = 320; pixels <= 1280; pixels *= 2) {
      backbone_ = absl::StrCat("large-", pixels);
      Run({"backbone", "import", backbone_, "--arch", "vgg16", "--weights",
           "random:0", "--input-size", absl::StrCat(pixels)});
      const std::string job =
          Run({"extract", "few@1", "--backbone", backbone_})["id"];
      EXPECT_TRUE(Eventually([&] {
        return Run({"job", "show", job})["progress"]["done"] > 0;
      })) << cluster_->Logs();
      backup = dir_.File(absl::StrCat("backup-", pixels));
      const json copied = Run({"admin", "backup", "--dir", backup});
      EXPECT_EQ(copied["services"].size(), 5u);
      EXPECT_GT(copied["services"]["ingestion"]["bytes"], 90 * 500);
      if (Run({"job", "show", job})["state"] == "RUNNING") return job;
    }
    return "";
  }

  int64_t TokenOf(const std::string& job) const {
    const auto stub =
        v1::JobService::NewStub(ConnectTo(AddressOf("scheduler")));
    grpc::ClientContext call;
    v1::GetJobRequest request;
    request.set_id(job);
    v1::Job response;
    EXPECT_THAT(FromGrpc(stub->GetJob(&call, request, &response)), IsOk());
    return response.tasks_size() == 0 ? 0 : response.tasks(0).fencing_token();
  }

  // Kills everything; what was backed up becomes a second cluster.
  void RestoreIntoASecond(const std::string& backup) {
    for (const std::string& name : cluster_->process_names()) {
      ASSERT_THAT(cluster_->Kill(name), IsOk());
    }
    const std::string restored = dir_.File("restored");
    const json copied =
        Run({"admin", "restore", "--from", backup, "--data", restored});
    EXPECT_EQ(copied["services"].size(), 5u);
    const std::string second = dir_.File("second");
    for (const auto& service : fs::directory_iterator(restored)) {
      const std::string name = service.path().filename();
      fs::create_directories(second + "/" + DataOf(name));
      fs::rename(service.path(), second + "/" + DataOf(name) + "/" + name);
    }
    Start(second);
  }

  TempDir dir_;
  std::unique_ptr<Cluster> cluster_;
  std::vector<std::string> finished_jobs_;
  std::string backbone_;  // of the extraction that a backup was taken in
};

TEST_F(BackupTest, ACopyTakenInTheMidstOfWorkGoesOnAsASecondInstance) {
  MakeAModel();
  for (const json& job : Run({"job", "list"})) {
    finished_jobs_.push_back(job["id"]);
  }
  ASSERT_EQ(finished_jobs_.size(), 2u);
  const json before = Finished();

  // An extraction in its middle, and an import.
  Run(ImportOf("few", Generate("few", kFewImages, 2)));
  Run({"dataset", "seal", "few"});
  const std::string many = Generate("many", 300, 3);
  std::vector<std::string> import = ImportOf("many", many);
  import.insert(import.begin(), "clients/nevus/nevus");
  import.push_back("--server=" + cluster_->server());
  const auto importing = Process::Start(import, dir_.File("import.log"));
  ASSERT_THAT(importing, IsOk());

  std::string backup;
  const std::string job = BackUpWhileAJobRuns(backup);
  ASSERT_NE(job, "");
  EXPECT_TRUE(fs::exists(backup + "/manifest.json"));
  RestoreIntoASecond(backup);
  // It was under way in the copy, or its token would not have made the leap.
  EXPECT_GT(TokenOf(job), 1'000'000);

  // Acknowledged before it began, so it is there, answer for answer.
  EXPECT_EQ(Finished(), before);
  EXPECT_EQ(Run({"dataset", "show", "few@1"})["examples"], kFewImages);

  // The extraction goes on to its end.
  json extraction;
  ASSERT_TRUE(Eventually([&] {
    extraction = Run({"job", "show", job});
    return extraction["state"] == "SUCCEEDED" ||
           extraction["state"] == "FAILED";
  })) << extraction
      << cluster_->Logs();
  EXPECT_EQ(extraction["state"], "SUCCEEDED") << extraction;
  EXPECT_EQ(Run({"extract", "few@1", "--backbone", backbone_,
                 "--wait"})["progress"]["total"],
            0)
      << "a feature is missing";

  // So does the import: what came before the copy is not sent in vain.
  const json rest = Run(ImportOf("many", many));
  EXPECT_EQ(rest["taken"].get<int>() + rest["already_there"].get<int>(), 300);

  const json verified = Run({"admin", "verify"});
  for (const std::string service :
       {"scheduler", "serving", "registry", "extraction", "ingestion"}) {
    EXPECT_GT(verified[service]["values"], 0) << service;
    EXPECT_EQ(verified[service]["damaged"].size(), 0u) << verified;
  }
}

TEST_F(BackupTest, AFailedBackupSaysSoAndIsNotRestored) {
  Run(ImportOf("few", Generate("few", 3, 2)));
  const std::string backup = dir_.File("backup");
  // Nobody listens on port 1.
  std::string servers;
  for (const char* service :
       {"scheduler", "serving", "registry", "extraction"}) {
    absl::StrAppend(&servers, service, "=", AddressOf(service), ",");
  }
  const CommandResult failed =
      RunCommand({"clients/nevus/nevus", "admin", "backup", "--dir", backup,
                  absl::StrCat("--server=", servers, "ingestion=127.0.0.1:1")});
  EXPECT_EQ(failed.exit_code, 3) << failed.err;
  EXPECT_THAT(failed.err, HasSubstr("not complete"));
  EXPECT_THAT(failed.err, HasSubstr("ingestion"));
  EXPECT_TRUE(fs::exists(backup + "/scheduler"));
  EXPECT_FALSE(fs::exists(backup + "/manifest.json"));

  const CommandResult refused = cluster_->Cli(
      {"admin", "restore", "--from", backup, "--data", dir_.File("new")});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("manifest.json"));
  EXPECT_FALSE(fs::exists(dir_.File("new")));

  // The next one needs another place, and succeeds.
  const CommandResult again =
      cluster_->Cli({"admin", "backup", "--dir", backup});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("empty"));
  Run({"admin", "backup", "--dir", dir_.File("backup2")});
}

TEST_F(BackupTest, AFlippedByteIsNamedByVerify) {
  Run(ImportOf("few", Generate("few", 10, 2)));
  // Verifying brings what is in the log only to files.
  EXPECT_EQ(cluster_->Cli({"admin", "verify"}).exit_code, 0);
  ASSERT_THAT(cluster_->Stop(), IsOk());
  std::string blob;
  for (const auto& file : fs::directory_iterator(
           cluster_->File(DataOf("ingestion") + "/ingestion"))) {
    if (file.path().extension() == ".blob") blob = file.path();
  }
  ASSERT_FALSE(blob.empty());
  {
    std::fstream file(blob, std::ios::in | std::ios::out | std::ios::binary);
    const auto middle = static_cast<std::streamoff>(fs::file_size(blob) / 2);
    file.seekg(middle);
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(middle);
    file.put(byte);
  }
  ASSERT_THAT(cluster_->StartProcesses(), IsOk());
  const CommandResult verify =
      cluster_->Cli({"admin", "verify", "--output", "json"});
  EXPECT_EQ(verify.exit_code, 1);
  EXPECT_THAT(verify.err, HasSubstr("image!"));
  const json found = json::parse(verify.out, nullptr, false);
  ASSERT_FALSE(found.is_discarded()) << verify.out;
  ASSERT_EQ(found["ingestion"]["damaged"].size(), 1u) << verify.out;
  EXPECT_THAT(found["ingestion"]["damaged"][0].get<std::string>(),
              HasSubstr("image!"));
  EXPECT_EQ(found["registry"]["damaged"].size(), 0u);
}

TEST_F(BackupTest, WhatTheServerRefusesHasItsReason) {
  const auto stub =
      v1::SystemService::NewStub(ConnectTo(AddressOf("registry")));
  const auto reason = [&](const std::string& service, const std::string& dir) {
    grpc::ClientContext call;
    v1::BackupRequest request;
    request.set_service(service);
    request.set_dir(dir);
    v1::BackupResponse response;
    return ReasonOf(FromGrpc(stub->Backup(&call, request, &response)));
  };
  EXPECT_EQ(reason("registry", "relative/path"), "BACKUP_DIR_INVALID");
  EXPECT_EQ(reason("nothing", dir_.File("b")), "SERVICE_UNKNOWN");
  EXPECT_EQ(reason("training", dir_.File("b")), "SERVICE_UNKNOWN");
  EXPECT_EQ(reason("registry", dir_.File("b")), "");
  EXPECT_EQ(reason("registry", dir_.File("b")), "BACKUP_EXISTS");

  grpc::ClientContext call;
  v1::VerifyRequest request;
  request.set_service("training");
  const auto reader = stub->Verify(&call, request);
  v1::VerifyResponse response;
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(ReasonOf(FromGrpc(reader->Finish())), "SERVICE_UNKNOWN");
}

}  // namespace
}  // namespace nevus
