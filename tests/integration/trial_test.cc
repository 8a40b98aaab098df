// A successor on trial, through a real nevusd and the command line: shadow,
// canary, outcomes, replay, promotion with its history, rollback; and a trace
// that is carried into the logs.
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>

#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "base/rpc/grpc_status.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/nevus/v1/model.grpc.pb.h"
#include "protos/nevus/v1/prediction.grpc.pb.h"
#include "tests/harness/cluster.h"

namespace nevus {
namespace {

using nlohmann::json;
using testing::HasSubstr;

// The example of the W3C's Trace Context.
constexpr char kTraceId[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kTraceparent[] =
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

class TrialTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = Cluster::Start(Topology::kOneProcess);
    ASSERT_THAT(started, IsOk());
    cluster_ = *std::move(started);
    folder_ = cluster_->File("images");
    Run({"dataset", "generate", folder_, "--count", "90", "--size", "64",
         "--seed", "1"});
    Run({"dataset", "import", "skin", "--images", folder_ + "/images",
         "--labels", folder_ + "/labels.csv", "--label-column", "label"});
    Run({"dataset", "split", "skin", "--train", "0.6", "--validation", "0.2",
         "--test", "0.2", "--seed", "1"});
    Run({"dataset", "seal", "skin"});
    Run({"backbone", "import", "vgg16", "--arch", "vgg16", "--weights",
         "random:0", "--input-size", "32"});
    Run({"extract", "skin@1", "--backbone", "vgg16", "--wait"});
    for (const char* seed : {"0", "1"}) {
      Run({"train", "skin@1", "--backbone", "vgg16", "--model", "melanoma",
           "--positive", "melanoma", "--seed", seed, "--wait"});
    }
    Run({"model", "promote", "melanoma@1", "--alias", "production", "--reason",
         "the first"});
  }

  json Run(std::vector<std::string> arguments) {
    return json::parse(cluster_->CliJson(std::move(arguments)));
  }

  // Which version answered for each file.
  std::map<std::string, std::string> Classify(const std::string& key = "") {
    std::map<std::string, std::string> answered_by;
    for (const json& row : Run({"classify", folder_ + "/images", "--model",
                                "melanoma@production", "--key", key})) {
      answered_by[row["file"]] = row["model"];
    }
    return answered_by;
  }

  // The rows of a replay: only those that flipped, of those that --all lists,
  // and as many as the summary counts.
  void ExpectFlips(std::vector<std::string> command, const json& replayed) {
    const std::string table = cluster_->Cli(command).out;
    command.push_back("--all");
    std::set<std::string> flipped, listed;
    const json all = Run(command)["flipped"];
    EXPECT_EQ(all.size(), 90u);
    for (const json& row : all) {
      EXPECT_EQ(row["source"], "STORED_FEATURE");
      const std::string id = row["logged"]["prediction_id"];
      if (row.value("flipped", false)) flipped.insert(id);
    }
    for (const json& row : replayed["flipped"]) {
      const std::string id = row["logged"]["prediction_id"];
      listed.insert(id);
      EXPECT_THAT(table, HasSubstr(id));
      const auto decision = [](const json& of) {
        return std::make_pair(of.value("positive", false),
                              of.value("abstain", false));
      };
      EXPECT_NE(decision(row), decision(row["logged"]));
    }
    EXPECT_FALSE(flipped.empty());
    EXPECT_EQ(listed, flipped);
    const json& summary = replayed["summary"];
    EXPECT_EQ(summary["became_positive"].get<size_t>() +
                  summary["became_negative"].get<size_t>() +
                  summary["became_abstention"].get<size_t>(),
              flipped.size());
  }

  std::unique_ptr<Cluster> cluster_;
  std::string folder_;
};

TEST_F(TrialTest, ASuccessorIsWatchedBeforeItIsPromoted) {
  Run({"model", "shadow", "melanoma@2", "--alias", "production"});
  json shadows = json::array();
  // It is loaded behind the answers; the test's time limit is the only one.
  while (shadows.empty()) {
    for (const auto& [file, model] : Classify()) EXPECT_EQ(model, "melanoma@1");
    shadows = Run({"prediction", "list", "--model", "melanoma@2"});
  }
  EXPECT_EQ(shadows[0]["role"], "SHADOW");
  const json seen =
      Run({"prediction", "show", shadows[0]["shadow_of"].get<std::string>()});
  EXPECT_EQ(seen["image_digest"], shadows[0]["image_digest"]);
  EXPECT_EQ(seen["role"], "SERVED");

  Run({"model", "canary", "melanoma@2", "--alias", "production", "--share",
       "0.5"});
  const std::map<std::string, std::string> first = Classify();
  std::set<std::string> versions;
  for (const auto& [file, model] : first) versions.insert(model);
  EXPECT_EQ(versions, (std::set<std::string>{"melanoma@1", "melanoma@2"}));
  EXPECT_EQ(Classify(), first) << "an image sticks to its version";
  std::set<std::string> of_patients;
  for (const char* patient : {"p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8"}) {
    std::set<std::string> of_patient;
    for (const auto& [file, model] : Classify(patient)) {
      of_patient.insert(model);
    }
    EXPECT_EQ(of_patient.size(), 1u) << patient << " got two versions";
    of_patients.insert(of_patient.begin(), of_patient.end());
  }
  EXPECT_EQ(of_patients, versions) << "half of the patients, not of the images";
  Run({"model", "canary", "melanoma@2", "--alias", "production", "--end"});

  const json asked =
      Run({"prediction", "list", "--model", "melanoma@1", "--limit", "1000"});
  ASSERT_GE(asked.size(), 90u);
  for (int i = 0; i < 20; ++i) {
    Run({"prediction", "outcome", asked[i]["prediction_id"].get<std::string>(),
         "--label", i % 2 == 0 ? "melanoma" : "nevus"});
  }
  const std::vector<std::string> replaying = {
      "model", "replay", "melanoma@production", "--candidate", "melanoma@2"};
  const json replayed = Run(replaying);
  const json& replay = replayed["summary"];
  EXPECT_EQ(replay["images"], 90);
  EXPECT_EQ(replay["replayed"], 90) << "the images are of a dataset";
  EXPECT_EQ(replay["positives"], 10);
  EXPECT_EQ(replay["negatives"], 10);
  EXPECT_TRUE(replay["has_auc"]);
  EXPECT_LE(replay["p_value"], 1);
  ExpectFlips(replaying, replayed);

  Run({"model", "promote", "melanoma@2", "--alias", "production", "--reason",
       "no worse on outcomes"});
  for (const auto& [name, model] : Classify()) EXPECT_EQ(model, "melanoma@2");
  Run({"model", "rollback", "melanoma@production", "--reason", "missed two"});
  for (const auto& [name, model] : Classify()) EXPECT_EQ(model, "melanoma@1");

  const json history =
      Run({"model", "history", "melanoma@production"})["history"];
  ASSERT_EQ(history.size(), 3u);
  EXPECT_EQ(history[1]["from_version"], 1);
  EXPECT_EQ(history[1]["to_version"], 2);
  EXPECT_EQ(history[1]["reason"], "no worse on outcomes");
  EXPECT_THAT(history[1]["actor"].get<std::string>(), HasSubstr("@"));
  EXPECT_EQ(history[2]["to_version"], 1);
  EXPECT_TRUE(history[2]["rollback"]);
}

TEST_F(TrialTest, ATraceIsCarriedIntoLogAndPrediction) {
  const auto channel = grpc::CreateChannel(cluster_->server(),
                                           grpc::InsecureChannelCredentials());
  const auto predictions = v1::PredictionService::NewStub(channel);
  std::ifstream file(
      Run({"classify", folder_ + "/images", "--model", "melanoma@1"})[0]["file"]
          .get<std::string>(),
      std::ios::binary);
  std::stringstream image;
  image << file.rdbuf();
  v1::PredictRequest request;
  request.set_model("melanoma");
  request.set_version(1);
  request.set_image(image.str());
  v1::PredictResponse answer;
  grpc::ClientContext predict;
  predict.AddMetadata("traceparent", kTraceparent);
  ASSERT_THAT(FromGrpc(predictions->Predict(&predict, request, &answer)),
              IsOk());
  EXPECT_EQ(Run({"prediction", "show", answer.prediction_id()})["trace_id"],
            kTraceId);

  const auto models = v1::ModelService::NewStub(channel);
  v1::PromoteModelRequest promote;
  promote.set_model("melanoma");
  promote.set_version(2);
  promote.set_alias("staging");
  v1::Alias alias;
  grpc::ClientContext context;
  context.AddMetadata("traceparent", kTraceparent);
  ASSERT_THAT(FromGrpc(models->PromoteModel(&context, promote, &alias)),
              IsOk());
  EXPECT_THAT(
      cluster_->LogOf("all"),
      HasSubstr(std::string("alias=staging version=2 trace_id=") + kTraceId));
}

}  // namespace
}  // namespace nevus
