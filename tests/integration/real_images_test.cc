// The main job on ISIC 2017 with genuine SqueezeNet weights, and groups on
// HAM10000: the numbers that a researcher would check first.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/harness/cluster.h"

namespace nevus {
namespace {

using nlohmann::json;

class RealImagesTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("NEVUS_TEST_DATA");
    if (data == nullptr ||
        !std::filesystem::exists(std::string(data) + "/isic2017/train")) {
      GTEST_SKIP() << "skipped: no ../shared/data";
    }
    data_ = data;
    auto started = Cluster::Start(TopologyFromEnvironment());
    ASSERT_THAT(started, IsOk());
    cluster_ = *std::move(started);
  }

  json Run(std::vector<std::string> arguments) {
    return json::parse(cluster_->CliJson(std::move(arguments)), nullptr, false);
  }

  json ImportIsic(const std::string& split) {
    const std::string folder = data_ + "/isic2017/" + split;
    return Run({"dataset", "import", "isic", "--images", folder, "--labels",
                folder + "_labels.csv", "--label-column", "melanoma", "--split",
                split});
  }

  std::string data_;
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(RealImagesTest, SqueezenetFindsMelanomaOnIsic) {
  EXPECT_EQ(ImportIsic("train")["taken"], 2000);
  EXPECT_EQ(ImportIsic("validation")["taken"], 150);
  const json sealed = Run({"dataset", "seal", "isic"});
  EXPECT_EQ(sealed["examples"], 2150);
  // ../shared/data's own count of its classes.
  EXPECT_EQ(sealed["counts"]["train/melanoma"], 374);
  EXPECT_EQ(sealed["counts"]["validation/melanoma"], 30);
  Run({"backbone", "import", "squeezenet", "--arch", "torchscript", "--weights",
       data_ + "/weights/squeezenet1_1.pt", "--input-size", "224"});
  EXPECT_EQ(Run({"extract", "isic@1", "--backbone", "squeezenet",
                 "--wait"})["progress"]["total"],
            2149)
      << "two rows have one image";
  Run({"train", "isic@1", "--backbone", "squeezenet", "--model", "melanoma",
       "--positive", "melanoma", "--wait"});
  const json evaluation = Run({"evaluate", "melanoma@1", "--dataset", "isic@1",
                               "--split", "validation", "--wait"});
  // scikit-learn's logistic regression on such features gets 0.76.
  EXPECT_GE(evaluation["auc"], 0.73);
  EXPECT_EQ(evaluation["positives"], 30);
  EXPECT_EQ(evaluation["negatives"], 120);
  // What serving says of the validation images is what evaluation judged: the
  // same AUC, counted here from the answers by its definition.
  Run({"model", "promote", "melanoma@1", "--alias", "production"});
  const json predictions = Run({"classify", data_ + "/isic2017/validation",
                                "--model", "melanoma@production"});
  ASSERT_EQ(predictions.size(), 150u);
  std::map<std::string, bool> melanoma;
  std::ifstream labels(data_ + "/isic2017/validation_labels.csv");
  std::string line;
  std::getline(labels, line);
  while (std::getline(labels, line)) {
    const size_t comma = line.find(',');
    melanoma[line.substr(0, comma)] = line[comma + 1] == '1';
  }
  std::vector<double> positives, negatives;
  for (const json& row : predictions) {
    const std::string id =
        std::filesystem::path(row["file"].get<std::string>()).stem();
    ASSERT_EQ(melanoma.count(id), 1u) << id;
    (melanoma[id] ? positives : negatives).push_back(row["probability"]);
  }
  double wins = 0;
  for (double positive : positives) {
    for (double negative : negatives) {
      wins += positive > negative ? 1 : positive == negative ? 0.5 : 0;
    }
  }
  EXPECT_NEAR(wins / (positives.size() * negatives.size()), evaluation["auc"],
              1e-12);
  // 2 % of 150, and no photograph of ISIC is too bad.
  EXPECT_EQ(evaluation["abstention"]["out_of_distribution"], 3);
  EXPECT_EQ(std::count_if(predictions.begin(), predictions.end(),
                          [](const json& row) {
                            return row["abstain_reason"] ==
                                   "OUT_OF_DISTRIBUTION";
                          }),
            3);
  // What the weighted loss distorts is put right: log loss falls.
  EXPECT_LT(evaluation["calibrated"]["log_loss"],
            evaluation["uncalibrated"]["log_loss"]);
}

TEST_F(RealImagesTest, ALesionStandsInOneSplit) {
  const std::string folder = data_ + "/ham10000_sample";
  EXPECT_EQ(Run({"dataset", "import", "ham", "--images", folder + "/images",
                 "--labels", folder + "/metadata.csv", "--label-column", "dx",
                 "--group-column", "lesion_id"})["taken"],
            649);
  Run({"dataset", "split", "ham", "--train", "0.8", "--validation", "0.2",
       "--seed", "1"});
  const json sealed = Run({"dataset", "seal", "ham"});
  int train = 0;
  std::set<std::string> classes;
  for (const auto& [key, count] : sealed["counts"].items()) {
    if (key.rfind("train/", 0) == 0) train += count.get<int>();
    classes.insert(key.substr(key.find('/') + 1));
  }
  EXPECT_EQ(classes.size(), 7u);
  EXPECT_NEAR(train / 649.0, 0.8, 0.05);
  const std::string exported = cluster_->File("exported");
  Run({"dataset", "export", "ham@1", exported});
  EXPECT_TRUE(std::filesystem::exists(exported));
}

}  // namespace
}  // namespace nevus
