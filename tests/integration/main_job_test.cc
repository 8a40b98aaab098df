// The main job, command by command, on synthetic images and a small VGG16: what
// docs/cli.md shows must work as written, survive a restart, and do nothing
// twice.
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/rpc/channel.h"
#include "base/status_matchers.h"
#include "base/version.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/harness/cluster.h"
#include "tests/harness/process.h"

namespace nevus {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Sends one message to `method` and returns the first one that comes back, both
// as wire bytes: Debian ships no stubs for health and reflection.
std::string FirstAnswer(const std::shared_ptr<grpc::Channel>& channel,
                        const std::string& method, const std::string& request) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  SetTimeout(context, absl::Seconds(30));
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  const auto call = stub.PrepareCall(&context, method, &queue);
  call->StartCall(nullptr);
  queue.Next(&tag, &ok);
  grpc::Slice slice(request);
  call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
  queue.Next(&tag, &ok);
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  queue.Next(&tag, &ok);
  context.TryCancel();
  grpc::Slice bytes;
  if (!ok || !answer.DumpToSingleSlice(&bytes).ok()) return "no answer";
  return std::string(bytes.begin(), bytes.end());
}

// "nevus.v1.DatasetService" and all others of the .proto files, but the one by
// which all of them are asked how they are.
std::set<std::string> ServicesOfTheContract() {
  std::set<std::string> names;
  for (const auto& file :
       std::filesystem::recursive_directory_iterator("protos")) {
    if (file.path().extension() != ".proto") continue;
    std::istringstream text(ReadFile(file.path()));
    std::string line, package;
    while (std::getline(text, line)) {
      std::istringstream words(line);
      std::string keyword, name;
      words >> keyword >> name;
      if (keyword == "package") package = name.substr(0, name.find(';'));
      if (keyword == "service" && package != "grpc.health.v1") {
        names.insert(package + "." + name);
      }
    }
  }
  return names;
}

class MainJobTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started = Cluster::Start(TopologyFromEnvironment());
    ASSERT_THAT(started, IsOk());
    cluster_ = *std::move(started);
  }

  json Run(std::vector<std::string> arguments) {
    const std::string text = cluster_->CliJson(std::move(arguments));
    json value = json::parse(text, nullptr, false);
    EXPECT_FALSE(value.is_discarded()) << "not one JSON value: " << text;
    return value;
  }

  // Synthetic images in the folder `name`.
  std::string Generate(const std::string& name, int count, int seed) {
    const std::string folder = cluster_->File(name);
    Run({"dataset", "generate", folder, "--count", std::to_string(count),
         "--size", "64", "--seed", std::to_string(seed)});
    return folder;
  }

  json Import(const std::string& dataset, const std::string& folder) {
    return Run({"dataset", "import", dataset, "--images", folder + "/images",
                "--labels", folder + "/labels.csv", "--label-column", "label"});
  }

  void ImportSplitSeal(const std::string& folder) {
    EXPECT_EQ(Import("skin", folder)["taken"], 90);
    Run({"dataset", "split", "skin", "--train", "0.6", "--validation", "0.2",
         "--test", "0.2", "--seed", "1"});
    EXPECT_EQ(Run({"dataset", "seal", "skin"})["examples"], 90);
  }

  void ImportBackbone() {
    Run({"backbone", "import", "vgg16", "--arch", "vgg16", "--weights",
         "random:0", "--input-size", "32"});
  }

  json Extract(const std::string& version) {
    return Run({"extract", version, "--backbone", "vgg16", "--wait"});
  }

  json Train() {
    return Run({"train", "skin@1", "--backbone", "vgg16", "--model", "melanoma",
                "--positive", "melanoma", "--seed", "3", "--wait"});
  }

  // All the way to melanoma@production.
  void GoTheWholeWay() {
    folder_ = Generate("images", 90, 1);
    ImportSplitSeal(folder_);
    ImportBackbone();
    EXPECT_EQ(Extract("skin@1")["state"], "SUCCEEDED");
    EXPECT_EQ(Train()["result"], "melanoma@1");
    Run({"model", "promote", "melanoma@1", "--alias", "production"});
  }

  std::string folder_;
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(MainJobTest, FromImagesToAnAnswer) {
  GoTheWholeWay();
  const std::string report = cluster_->File("report.html");
  const std::string others = Generate("others & more", 3, 2) + "/images";
  const json evaluation =
      Run({"evaluate", "melanoma@1", "--dataset", "skin@1", "--split",
           "validation", "--report", report, "--ood-images", others, "--wait"});
  EXPECT_GT(evaluation["auc"], 0.0);
  EXPECT_LE(evaluation["auc_low"], evaluation["auc"]);
  EXPECT_GE(evaluation["auc_high"], evaluation["auc"]);
  EXPECT_TRUE(evaluation["synthetic"]);
  const std::string html = ReadFile(report);
  EXPECT_THAT(html, HasSubstr("SYNTHETIC"));
  EXPECT_THAT(html, HasSubstr("<svg"));
  EXPECT_THAT(html, Not(HasSubstr("<script src")));
  EXPECT_EQ(evaluation["ood_images"][0]["images"], 3);
  EXPECT_THAT(html, HasSubstr("others &amp; more/images</th><td>3</td>"));
  EXPECT_THAT(html, testing::EndsWith("</html>\n"));

  const CommandResult csv =
      cluster_->Cli({"classify", folder_ + "/images", "--model",
                     "melanoma@production", "--output", "csv"});
  EXPECT_EQ(csv.exit_code, 0) << csv.err;
  EXPECT_THAT(csv.out, testing::StartsWith("file,probability,decision,model"));
  EXPECT_EQ(std::count(csv.out.begin(), csv.out.end(), '\n'), 91);
}

TEST_F(MainJobTest, AnAnswerIsExplainedAndTwoModelsCompared) {
  GoTheWholeWay();
  const std::string image = folder_ + "/images/synthetic_00001.jpg";
  const std::string why = cluster_->File("why");
  const json answers = Run({"classify", image, "--model", "melanoma@production",
                            "--explain", why, "--nearest", "3"});
  ASSERT_EQ(answers.size(), 1u);
  ASSERT_EQ(answers[0]["nearest"].size(), 3u);
  EXPECT_LE(answers[0]["nearest"][0]["distance"],
            answers[0]["nearest"][1]["distance"]);
  int pictures = 0;
  for (const auto& file : std::filesystem::directory_iterator(why)) {
    ++pictures;
    EXPECT_THAT(ReadFile(file.path()), testing::StartsWith("\x89PNG"));
  }
  EXPECT_EQ(pictures, 1);

  Run({"train", "skin@1", "--backbone", "vgg16", "--model", "melanoma",
       "--positive", "melanoma", "--hidden", "0", "--operating-point",
       "screening:sensitivity=0.9", "--wait"});
  const json model = Run({"model", "show", "melanoma@2"});
  EXPECT_EQ(model["operating_points"][0]["name"], "screening");
  const json comparison = Run(
      {"model", "compare", "melanoma@1", "melanoma@2", "--dataset", "skin@1"});
  EXPECT_EQ(comparison["b"]["model"], "melanoma@2");
  EXPECT_GE(comparison["p_value"], 0);
  EXPECT_LE(comparison["p_value"], 1);
}

TEST_F(MainJobTest, StoppedAndStartedAgainEverythingIsThere) {
  GoTheWholeWay();
  const std::vector<std::string> classify = {"classify", folder_ + "/images",
                                             "--model", "melanoma@production"};
  const auto probabilities = [&] {
    std::vector<double> values;
    for (const json& row : Run(classify)) values.push_back(row["probability"]);
    return values;
  };
  const json dataset = Run({"dataset", "show", "skin@1"});
  const std::vector<double> before = probabilities();
  ASSERT_THAT(cluster_->Stop(), IsOk());
  ASSERT_THAT(cluster_->StartProcesses(), IsOk());
  EXPECT_EQ(Run({"dataset", "show", "skin@1"}), dataset);
  EXPECT_EQ(probabilities(), before);
  EXPECT_EQ(Run({"job", "list"}).size(), 2u);
}

TEST_F(MainJobTest, KilledAndStartedAgainEverythingAcknowledgedIsThere) {
  GoTheWholeWay();
  const json dataset = Run({"dataset", "show", "skin@1"});
  for (const std::string& name : cluster_->process_names()) {
    ASSERT_THAT(cluster_->Kill(name), IsOk());
  }
  ASSERT_THAT(cluster_->StartProcesses(), IsOk());
  EXPECT_EQ(Run({"dataset", "show", "skin@1"}), dataset);
  EXPECT_EQ(Extract("skin@1")["progress"]["total"], 0);
  EXPECT_EQ(Run({"classify", folder_ + "/images/synthetic_00001.jpg", "--model",
                 "melanoma@production"})
                .size(),
            1u);
}

TEST_F(MainJobTest, NothingIsDoneTwice) {
  const std::string folder = Generate("images", 90, 1);
  ImportSplitSeal(folder);
  ImportBackbone();
  EXPECT_EQ(Extract("skin@1")["progress"]["total"], 90);

  const json again = Import("skin", folder);
  EXPECT_EQ(again["taken"], 0);
  EXPECT_EQ(again["already_there"], 90);
  const json sealed = Run({"dataset", "seal", "skin"});
  EXPECT_EQ(sealed["version"], 1);
  EXPECT_EQ(Extract("skin@1")["progress"]["total"], 0);

  // The generator's names repeat: other content under the same ids.
  const std::string other = Generate("other", 10, 2);
  const CommandResult conflict = cluster_->Cli(
      {"dataset", "import", "skin", "--images", other + "/images", "--labels",
       other + "/labels.csv", "--label-column", "label"});
  EXPECT_EQ(conflict.exit_code, 1);
  EXPECT_THAT(conflict.err, HasSubstr("EXAMPLE_CONFLICT"));
}

TEST_F(MainJobTest, TenMoreImagesAreTenMoreFeatures) {
  const std::string folder = Generate("images", 100, 1);
  // Ninety first, then all hundred.
  std::filesystem::create_directories(cluster_->File("part/images"));
  std::ofstream labels(cluster_->File("part/labels.csv"));
  std::istringstream all(ReadFile(folder + "/labels.csv"));
  std::string line;
  for (int i = 0; i <= 90 && std::getline(all, line); ++i) {
    labels << line << "\n";
    if (i == 0) continue;
    const std::string file = line.substr(0, line.find(',')) + ".jpg";
    std::filesystem::copy(folder + "/images/" + file,
                          cluster_->File("part/images/") + file);
  }
  labels.close();
  EXPECT_EQ(Import("skin", cluster_->File("part"))["taken"], 90);
  Run({"dataset", "seal", "skin"});
  ImportBackbone();
  EXPECT_EQ(Extract("skin@1")["progress"]["total"], 90);
  EXPECT_EQ(Import("skin", folder)["taken"], 10);
  EXPECT_EQ(Run({"dataset", "seal", "skin"})["version"], 2);
  EXPECT_EQ(Extract("skin@2")["progress"]["total"], 10);
}

TEST_F(MainJobTest, TheSameSeedTrainsTheSameModel) {
  GoTheWholeWay();
  EXPECT_EQ(Train()["result"], "melanoma@2");
  const json models = Run({"model", "list"});
  ASSERT_EQ(models.size(), 2u);
  EXPECT_EQ(models[0]["digest"], models[1]["digest"]);
}

TEST_F(MainJobTest, TheTestSplitIsOpenedOnce) {
  GoTheWholeWay();
  const std::vector<std::string> evaluate = {
      "evaluate", "melanoma@1", "--dataset", "skin@1",
      "--split",  "test",       "--wait"};
  CommandResult refused = cluster_->Cli(evaluate);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("--final"));
  std::vector<std::string> final_evaluate = evaluate;
  final_evaluate.push_back("--final");
  Run(final_evaluate);
  refused = cluster_->Cli(final_evaluate);
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("once"));
}

TEST_F(MainJobTest, AStepBeforeItsTimeSaysWhatIsMissing) {
  const std::string folder = Generate("images", 90, 1);
  ImportSplitSeal(folder);
  ImportBackbone();
  const CommandResult train =
      cluster_->Cli({"train", "skin@1", "--backbone", "vgg16", "--model", "m",
                     "--positive", "melanoma", "--wait"});
  EXPECT_EQ(train.exit_code, 1);
  EXPECT_THAT(train.err, HasSubstr("nevus extract skin@1"));
  const CommandResult classify = cluster_->Cli(
      {"classify", folder + "/images", "--model", "melanoma@production"});
  EXPECT_EQ(classify.exit_code, 1);
  EXPECT_THAT(classify.err, HasSubstr("melanoma"));
  const CommandResult extract =
      cluster_->Cli({"extract", "skin@9", "--backbone", "vgg16"});
  EXPECT_EQ(extract.exit_code, 1);
  EXPECT_THAT(extract.err, HasSubstr("skin"));
}

TEST_F(MainJobTest, HealthAndReflectionAnswerForEveryService) {
  const ServiceAddresses addresses =
      ServiceAddresses::Parse(cluster_->server()).value();
  const std::pair<const char*, const char*> services[] = {
      {"ingestion", "nevus.v1.DatasetService"},
      {"extraction", "nevus.v1.FeatureService"},
      {"training", "nevus.v1.TrainingService"},
      {"registry", "nevus.v1.BackboneService"},
      {"registry", "nevus.v1.ModelService"},
      {"serving", "nevus.v1.PredictionService"},
      {"serving", "nevus.v1.PredictionLogService"},
      {"serving", "inference.GRPCInferenceService"},
      {"scheduler", "nevus.v1.JobService"},
      {"scheduler", "nevus.v1.WorkerService"},
      {"scheduler", "nevus.v1.SystemService"}};
  std::set<std::string> asked;
  for (const auto& [service, grpc_name] : services) {
    SCOPED_TRACE(grpc_name);
    const auto channel = ConnectTo(addresses.Find(service));
    const std::string name = grpc_name;
    asked.insert(name);
    // HealthCheckRequest{service = 1}; HealthCheckResponse{status = 1:
    // SERVING}.
    EXPECT_EQ(FirstAnswer(
                  channel, "/grpc.health.v1.Health/Check",
                  std::string("\x0a") + static_cast<char>(name.size()) + name),
              std::string("\x08\x01"));
    // ServerReflectionRequest{list_services = 7: ""}.
    EXPECT_THAT(FirstAnswer(channel,
                            "/grpc.reflection.v1alpha.ServerReflection/"
                            "ServerReflectionInfo",
                            std::string("\x3a\x00", 2)),
                HasSubstr(name));
  }
  EXPECT_EQ(asked, ServicesOfTheContract());
}

TEST_F(MainJobTest, TheDoctorSaysWhatEachProcessRunsOn) {
  // It exits with 1 where the machine has a problem, which it names.
  const CommandResult result = cluster_->Cli({"doctor", "--output", "json"});
  const json processes = json::parse(result.out, nullptr, false);
  ASSERT_TRUE(processes.is_object()) << result.out << result.err;
  std::set<std::string> services;
  size_t problems = 0;
  for (const auto& [address, found] : processes.items()) {
    SCOPED_TRACE(address + " " + found.dump());
    EXPECT_EQ(found["version"], kVersion);
    EXPECT_NE(found["cpu_model"], "");
    EXPECT_FALSE(found["cpu_features"].empty());
    EXPECT_GE(found["cpus"], 1);
    EXPECT_EQ(found["compute_threads"], 1) << "what the harness asked for";
    EXPECT_THAT(found["blas_library"].get<std::string>(),
                HasSubstr("openblas"));
    EXPECT_GT(found["blas_gflops"], 0);
    EXPECT_GT(found["memory_available_bytes"], 0);
    EXPECT_GT(found["memory_bytes"], found["memory_available_bytes"]);
    EXPECT_GT(found["disk_free_bytes"], 0);
    EXPECT_GT(found["sync_seconds"], 0);
    for (const json& service : found["services"]) {
      services.insert(service.get<std::string>());
    }
    for (const json& problem : found["problems"]) {
      EXPECT_NE(problem, "");
      ++problems;
    }
  }
  EXPECT_THAT(services, testing::IsSupersetOf(ServiceNames()));
  EXPECT_EQ(result.exit_code, problems == 0 ? 0 : 1) << result.err;
}

TEST_F(MainJobTest, FeaturesAreListedExportedAndDeleted) {
  GoTheWholeWay();
  Run({"extract", "skin@1", "--backbone", "vgg16", "--pool", "max", "--wait"});
  const json spaces = Run({"features", "list"});
  ASSERT_EQ(spaces.size(), 2u);
  std::map<std::string, json> by_pooling;
  for (const json& space : spaces) {
    EXPECT_EQ(space["features"], 90);
    EXPECT_EQ(space["backbone"], "vgg16");
    by_pooling[space["pooling"]] = space;
  }
  EXPECT_EQ(by_pooling["avg"]["models"], json::array({"melanoma@1"}));
  EXPECT_EQ(by_pooling["max"]["models"], json::array());

  std::map<std::string, std::string> files;
  for (const char* format : {"npy", "safetensors", "parquet"}) {
    files[format] = cluster_->File(std::string("features.") + format);
    const json exported =
        Run({"features", "export", "skin@1", "--backbone", "vgg16", "--format",
             format, "--to", files[format]});
    EXPECT_EQ(exported["features"], 90);
    EXPECT_EQ(exported["feature_space"], by_pooling["avg"]["digest"]);
  }

  const std::string needed = by_pooling["avg"]["digest"];
  const CommandResult refused = cluster_->Cli({"features", "delete", needed});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.err, HasSubstr("melanoma@1"));
  const std::string idle = by_pooling["max"]["digest"];
  const json deleted = Run({"features", "delete", idle.substr(0, 12)});
  EXPECT_EQ(deleted["deleted"], idle);
  EXPECT_EQ(deleted["features"], 90);
  const json left = Run({"features", "list"});
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0]["digest"], needed);

  // NumPy reads the same rows out of each format, those that were imported.
  std::map<std::string, std::string> rows;
  for (const auto& [format, path] : files) {
    const CommandResult read =
        RunCommand({"/usr/bin/python3",
                    "clients/nevus/testdata/check_features.py", format, path});
    if (read.exit_code == 77) GTEST_SKIP() << "skipped: no python3-numpy";
    ASSERT_EQ(read.exit_code, 0) << read.err;
    const size_t head = read.out.find('\n') + 1;
    EXPECT_EQ(read.out.substr(0, head),
              format == "parquet" ? "float32 90 512\n" : "float16 90 512\n");
    rows[format] = read.out.substr(head);
  }
  EXPECT_EQ(rows["npy"], rows["safetensors"]);
  EXPECT_EQ(rows["npy"], rows["parquet"]);
  std::istringstream labels(ReadFile(folder_ + "/labels.csv"));
  std::istringstream lines(rows["npy"]);
  std::string label, line;
  std::getline(labels, label);  // the header
  while (std::getline(labels, label)) {
    ASSERT_TRUE(std::getline(lines, line));
    // "synthetic_00001,nevus,..." and "synthetic_00001|DIGEST|train|nevus|
    // ...", without a group.
    const size_t comma = label.find(',');
    const std::string name =
        label.substr(comma + 1, label.find(',', comma + 1) - comma - 1);
    EXPECT_THAT(line, testing::StartsWith(label.substr(0, comma) + "|"));
    EXPECT_THAT(line, HasSubstr("|" + name + "| "));
  }
  EXPECT_FALSE(std::getline(lines, line)) << line;
}

TEST_F(MainJobTest, TheCliSaysWhenThereIsNoServer) {
  const CommandResult result = RunCommand(
      {"clients/nevus/nevus", "dataset", "list", "--server=127.0.0.1:1"});
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("127.0.0.1:1"));
  EXPECT_EQ(RunCommand({"clients/nevus/nevus", "dataset", "lst"}).exit_code, 2);
}

TEST_F(MainJobTest, TheEnvironmentNamesTheServer) {
  const auto list = [&](const std::string& variable,
                        const std::vector<std::string>& flags) {
    std::vector<std::string> command = {"/usr/bin/env",
                                        "NEVUS_SERVER=" + variable,
                                        "clients/nevus/nevus",
                                        "dataset",
                                        "list",
                                        "--output=json"};
    command.insert(command.end(), flags.begin(), flags.end());
    return RunCommand(command);
  };
  const CommandResult named = list(cluster_->server(), {});
  EXPECT_EQ(named.exit_code, 0) << named.err;
  EXPECT_EQ(named.out, "[]\n");
  EXPECT_EQ(list("127.0.0.1:1", {}).exit_code, 3);
  EXPECT_EQ(list("127.0.0.1:1", {"--server=" + cluster_->server()}).exit_code,
            0)
      << "the flag is nearer";
}

}  // namespace
}  // namespace nevus
