// The metrics of a real nevusd, scraped from its port as Prometheus does; and
// that the dashboard and the alerts of docs/grafana name only what is there.
#include <arpa/inet.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_matchers.h"
#include "clients/cpp/files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protos/inference/grpc_service.grpc.pb.h"
#include "tests/harness/cluster.h"
#include "tests/harness/noise.h"

namespace nevus {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

constexpr int64_t kMostBytes = 1 << 20;

std::string HttpGet(int port, const std::string& path) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(socket, reinterpret_cast<sockaddr*>(&address),
                sizeof(address)) == 0) {
    const std::string request = absl::StrCat("GET ", path, " HTTP/1.0\r\n\r\n");
    (void)!::write(socket, request.data(), request.size());
    char buffer[4096];
    ssize_t got = 0;
    while ((got = ::read(socket, buffer, sizeof(buffer))) > 0) {
      answer.append(buffer, static_cast<size_t>(got));
    }
  }
  ::close(socket);
  return answer;
}

// Names and their samples of the text format 0.0.4. Fails the test at a line
// that is none, or at a sample of a name that no TYPE line announced.
std::map<std::string, std::vector<double>> ParseExposition(
    const std::string& http) {
  std::map<std::string, std::vector<double>> samples;
  std::map<std::string, std::string> types;
  const size_t body = http.find("\r\n\r\n");
  EXPECT_NE(body, std::string::npos);
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(http.substr(body + 4), '\n'))) {
    if (line.empty()) continue;
    if (line.rfind("# HELP ", 0) == 0) continue;
    if (line.rfind("# TYPE ", 0) == 0) {
      const std::vector<std::string> words = absl::StrSplit(line, ' ');
      EXPECT_EQ(words.size(), 4u) << line;
      types[words[2]] = words[3];
      continue;
    }
    const size_t end = line.find_first_of("{ ");
    const size_t value = line.rfind(' ');
    EXPECT_NE(end, std::string::npos) << line;
    if (end == std::string::npos) continue;
    const std::string name = line.substr(0, end);
    char* rest = nullptr;
    const double number = std::strtod(line.c_str() + value, &rest);
    EXPECT_EQ(*rest, '\0') << line;
    std::string family = name;
    for (const char* suffix : {"_bucket", "_sum", "_count"}) {
      const size_t at = name.size() - std::string(suffix).size();
      if (name.size() > std::string(suffix).size() &&
          name.substr(at) == suffix && types.count(name.substr(0, at)) > 0) {
        family = name.substr(0, at);
      }
    }
    EXPECT_EQ(types.count(family), 1u) << "no TYPE before: " << line;
    samples[name].push_back(number);
  }
  return samples;
}

// What follows `sample`, which ends with a space; -1 if it is not there.
double ValueOf(const std::string& exposition, const std::string& sample) {
  const size_t at = exposition.find(sample);
  return at == std::string::npos
             ? -1
             : std::strtod(exposition.c_str() + at + sample.size(), nullptr);
}

// Every word of `text` that is a metric's name.
std::set<std::string> NamesIn(const std::string& text) {
  std::set<std::string> names;
  const std::string prefix = "nevus_";
  for (size_t at = text.find(prefix); at != std::string::npos;
       at = text.find(prefix, at + 1)) {
    const size_t end =
        text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_", at);
    names.insert(text.substr(at, end - at));
  }
  return names;
}

class MetricsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto started =
        Cluster::Start(Topology::kOneProcess, "", {"--metrics=127.0.0.1:0"});
    ASSERT_THAT(started, IsOk());
    cluster_ = *std::move(started);
    const std::string log = cluster_->LogOf("all");
    const std::string key = "metrics_port=";
    ASSERT_THAT(log, HasSubstr(key));
    port_ = std::atoi(log.c_str() + log.find(key) + key.size());
  }

  json Run(std::vector<std::string> arguments) {
    return json::parse(cluster_->CliJson(std::move(arguments)));
  }

  void MakeModelAndPredict() {
    const std::string folder = cluster_->File("images");
    Run({"dataset", "generate", folder, "--count", "90", "--size", "64",
         "--seed", "1"});
    Run({"dataset", "import", "skin", "--images", folder + "/images",
         "--labels", folder + "/labels.csv", "--label-column", "label"});
    Run({"dataset", "split", "skin", "--train", "0.6", "--validation", "0.2",
         "--test", "0.2", "--seed", "1"});
    Run({"dataset", "seal", "skin"});
    Run({"backbone", "import", "vgg16", "--arch", "vgg16", "--weights",
         "random:0", "--input-size", "32"});
    for (int time = 0; time < 2; ++time) {
      Run({"extract", "skin@1", "--backbone", "vgg16", "--wait"});
    }
    Run({"train", "skin@1", "--backbone", "vgg16", "--model", "melanoma",
         "--positive", "melanoma", "--wait"});
    predictions_ =
        Run({"classify", folder + "/images", "--model", "melanoma@1"});
    // An error too.
    EXPECT_NE(
        cluster_->Cli({"classify", folder + "/images", "--model", "melanoma@9"})
            .exit_code,
        0);
    // And one that is refused before a model is looked for.
    const auto inference =
        inference::GRPCInferenceService::NewStub(grpc::CreateChannel(
            cluster_->server(), grpc::InsecureChannelCredentials()));
    inference::ModelInferRequest nothing;
    nothing.set_model_name("melanoma");
    inference::ModelInferResponse response;
    grpc::ClientContext call;
    EXPECT_FALSE(inference->ModelInfer(&call, nothing, &response).ok());
  }

  std::unique_ptr<Cluster> cluster_;
  int port_ = 0;
  json predictions_;
};

TEST_F(MetricsTest, TheWholeWayIsSeenFromOutside) {
  MakeModelAndPredict();
  const auto samples = ParseExposition(HttpGet(port_, "/metrics"));
  const auto sum = [&](const std::string& name) {
    double sum = 0;
    const auto found = samples.find(name);
    if (found == samples.end()) return -1.0;
    for (const double sample : found->second) sum += sample;
    return sum;
  };
  EXPECT_EQ(sum("nevus_predictions_total"), 90);
  EXPECT_EQ(sum("nevus_batch_size_count"), 90);
  // Five stages.
  EXPECT_EQ(samples.at("nevus_predict_duration_seconds_count").size(), 5u);
  const std::string log_stage =
      "nevus_predict_duration_seconds_sum{stage=\"log\"}";
  const std::string scraped = HttpGet(port_, "/metrics");
  ASSERT_THAT(scraped, HasSubstr(log_stage));
  // For whoever measures: no time is asserted in a test.
  RecordProperty(
      "log_seconds",
      scraped.substr(scraped.find(log_stage) + log_stage.size() + 1, 12));
  EXPECT_GE(sum("nevus_predict_errors_total"), 1);
  EXPECT_EQ(ValueOf(scraped,
                    "nevus_predict_errors_total{reason=\"TENSOR_INVALID\"} "),
            1);
  EXPECT_EQ(sum("nevus_queue_depth"), 0);
  EXPECT_EQ(sum("nevus_job_state"), 0) << "all jobs have ended";
  EXPECT_GT(sum("nevus_rss_bytes"), 1e6);
  EXPECT_EQ(sum("nevus_prediction_log_dropped"), 0);
  EXPECT_EQ(sum("nevus_drift_predictions"), 90);
  EXPECT_EQ(sum("nevus_build_info"), 1);
  EXPECT_EQ(sum("nevus_feature_cache_misses_total"), 90);
  EXPECT_EQ(sum("nevus_feature_cache_hits_total"), 90) << "the second time";

  // What people are given to look at names nothing else.
  std::set<std::string> known;
  for (const auto& [name, values] : samples) known.insert(name);
  for (const char* path :
       {"docs/grafana/nevus.json", "docs/grafana/alerts.yml"}) {
    const std::set<std::string> names =
        NamesIn(ReadFile(path, kMostBytes).value());
    EXPECT_GE(names.size(), 5u) << path << " names hardly anything";
    for (const std::string& name : names) {
      EXPECT_EQ(known.count(name), 1u) << path << " names " << name;
    }
  }
  const json board = json::parse(
      ReadFile("docs/grafana/nevus.json", kMostBytes).value(), nullptr,
      /*allow_exceptions=*/false);
  ASSERT_FALSE(board.is_discarded());
  EXPECT_GE(board["panels"].size(), 6u);
}

TEST_F(MetricsTest, DriftIsToldOfOtherPicturesAndNotOfTheSame) {
  MakeModelAndPredict();
  const std::string of_features = "model=\"melanoma@1\",of=\"features\"";
  const auto verdict = [&] {
    return ValueOf(HttpGet(port_, "/metrics"),
                   "nevus_drift_verdict{" + of_features + "} ");
  };
  EXPECT_EQ(verdict(), 0) << "90 predictions are too few to say anything";
  // More of what it was trained on. 3 is another population.
  const std::string same = cluster_->File("same");
  Run({"dataset", "generate", same, "--count", "90", "--size", "64", "--seed",
       "2"});
  Run({"classify", same + "/images", "--model", "melanoma@1"});
  EXPECT_GE(verdict(), 1);
  EXPECT_LT(verdict(), 3) << HttpGet(port_, "/metrics");
  EXPECT_THAT(cluster_->LogOf("all"), Not(HasSubstr("features drifted")));

  const std::string noise = cluster_->File("noise");
  ASSERT_THAT(WriteNoise(noise, 200, /*side=*/32), IsOk());
  Run({"classify", noise, "--model", "melanoma@1"});
  EXPECT_EQ(verdict(), 3);
  EXPECT_THAT(cluster_->LogOf("all"), HasSubstr("features drifted"));
  const json live = Run({"model", "live", "melanoma@1", "--since", "1h"});
  EXPECT_EQ(live["feature_drift"]["verdict"], "DRIFTED") << live;
}

TEST_F(MetricsTest, PredictionsAndOutcomesOnTheCommandLine) {
  MakeModelAndPredict();
  const json listed = Run({"prediction", "list", "--model", "melanoma@1"});
  ASSERT_EQ(listed.size(), 90u);
  const std::string id = listed[0]["prediction_id"];
  Run({"prediction", "outcome", id, "--label", "melanoma"});
  Run({"prediction", "outcome", listed[1]["image_digest"].get<std::string>(),
       "--label", "nevus"});
  EXPECT_EQ(Run({"prediction", "show", id})["outcome"]["label"], "melanoma");
  const json live = Run({"model", "live", "melanoma@1", "--since", "1h"});
  EXPECT_EQ(live["predictions"], 90);
  EXPECT_EQ(live["with_outcome"], 2);
  EXPECT_TRUE(live["has_auc"]);

  // Killed and started again: all of it was synced.
  ASSERT_THAT(cluster_->Restart("all"), IsOk());
  EXPECT_EQ(Run({"prediction", "list", "--model", "melanoma@1"}).size(), 90u);
  EXPECT_EQ(Run({"prediction", "show", id})["outcome"]["label"], "melanoma");
}

}  // namespace
}  // namespace nevus
