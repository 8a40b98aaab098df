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
#include "tests/harness/noise.h"

namespace nevus {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Each row by the names of its columns. No cell of these files is quoted.
std::vector<std::map<std::string, std::string>> ReadCsv(
    const std::string& path) {
  const auto cells = [](const std::string& line) {
    std::vector<std::string> result;
    std::istringstream text(line);
    for (std::string cell; std::getline(text, cell, ',');) {
      result.push_back(cell);
    }
    return result;
  };
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  const std::vector<std::string> header = cells(line);
  std::vector<std::map<std::string, std::string>> rows;
  while (std::getline(file, line)) {
    const std::vector<std::string> values = cells(line);
    auto& row = rows.emplace_back();
    for (size_t i = 0; i < values.size() && i < header.size(); ++i) {
      row[header[i]] = values[i];
    }
  }
  return rows;
}

// How the report's table begins the row of a folder.
std::string RowOf(const json& folder) {
  return folder["folder"].get<std::string>() + "</th><td>" +
         folder["images"].dump() + "</td><td>" + folder["abstained"].dump() +
         "<small>";
}

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
  // Another clinic's, and none at all.
  const std::string noise = cluster_->File("noise");
  ASSERT_THAT(WriteNoise(noise, 40, /*side=*/224), IsOk());
  const std::string ham = data_ + "/ham10000_sample/images";
  const std::string report = cluster_->File("report.html");
  const json evaluation = Run({"evaluate", "melanoma@1", "--dataset", "isic@1",
                               "--split", "validation", "--ood-images", noise,
                               "--ood-images", ham, "--report", report});
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
  // docs/evaluation.md: 120 of 120, and 6 of 649.
  const json& asked = evaluation["ood_images"];
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_EQ(asked[0]["images"], 40);
  EXPECT_GE(asked[0]["abstained"], 36);
  EXPECT_EQ(asked[1]["images"], 649);
  EXPECT_LE(asked[1]["abstained"], 65);
  const std::string page = ReadFile(report);
  for (const json& folder : asked) {
    EXPECT_THAT(page, HasSubstr(RowOf(folder)));
  }
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
  std::map<std::string, std::string> lesion_of;
  std::set<std::string> lesions;
  for (const auto& row : ReadCsv(folder + "/metadata.csv")) {
    lesion_of[row.at("image_id")] = row.at("lesion_id");
    lesions.insert(row.at("lesion_id"));
  }
  EXPECT_LT(lesions.size(), lesion_of.size()) << "no lesion has two images";
  std::map<std::string, std::set<std::string>> splits_of;
  const auto rows = ReadCsv(exported + "/labels.csv");
  EXPECT_EQ(rows.size(), 649u);
  for (const auto& row : rows) {
    EXPECT_EQ(row.at("group"), lesion_of[row.at("image_id")]);
    splits_of[row.at("group")].insert(row.at("split"));
  }
  EXPECT_EQ(splits_of.size(), lesions.size());
  for (const auto& [lesion, splits] : splits_of) {
    EXPECT_EQ(splits.size(), 1u) << lesion << " stands in two";
  }
}

}  // namespace
}  // namespace nevus
