// The network alone: images/s of VGG16 in each arithmetic against eager
// LibTorch.
//
//   bazel run //compute/feature:forward_bench [ROUNDS]
//
// Rounds go through all rows in turn, so that other load on the machine meets
// each of them alike; the median of the rounds is printed.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "compute/backbone/backbone.h"
#include "compute/feature/eager_reference.h"
#include "compute/feature/feature_extractor.h"
#include "compute/feature/feature_space.h"

namespace nevus {
namespace {

struct Row {
  std::string name;
  int threads, n;
  std::function<absl::Status()> run;
  std::vector<double> seconds = {};
};

std::vector<std::string> ReadFiles(int count, char** paths) {
  std::vector<std::string> contents;
  for (int i = 0; i < count; ++i) {
    std::ifstream file(paths[i], std::ios::binary);
    contents.emplace_back(std::istreambuf_iterator<char>(file),
                          std::istreambuf_iterator<char>());
  }
  return contents;
}

int Run(int rounds, const std::vector<std::string>& photographs) {
  const std::vector<std::string_view> images(photographs.begin(),
                                             photographs.end());
  BackboneSource source;
  source.arch = "vgg16";
  source.random_seed = 1;
  const auto backbone = Backbone::Load(source).value();
  std::vector<float> planes(size_t{8} * 3 * 224 * 224);
  for (size_t i = 0; i < planes.size(); ++i) planes[i] = (i % 255) / 64.f - 2;
  std::vector<float> features(8 * 512);
  std::vector<std::vector<float>> activations;

  std::vector<Row> rows;
  std::vector<std::unique_ptr<EagerNetwork>> eager;
  std::vector<std::unique_ptr<FeatureExtractor>> extractors;
  for (int threads : {1, 2}) {
    eager.push_back(NewEagerReference(*backbone, "", threads).value());
    for (int n : {1, 4, 8}) {
      rows.push_back(
          {"eager", threads, n, [&, n, network = eager.back().get()] {
             return network->Forward(planes.data(), n, &activations);
           }});
    }
    for (const char* precision : {"fp32", "fp32_winograd", "bf16"}) {
      const auto spec =
          ResolveFeatureSpace(backbone->info(), "", "", precision);
      if (!spec.ok()) {
        std::printf("%s: %s\n", precision,
                    std::string(spec.status().message()).c_str());
        continue;
      }
      FeatureExtractorOptions options;
      options.threads = threads;
      extractors.push_back(
          FeatureExtractor::Create(*backbone, *spec, options).value());
      for (int n : {1, 4, 8}) {
        rows.push_back({precision, threads, n,
                        [&, n, extractor = extractors.back().get()] {
                          return extractor->Forward(planes.data(), n,
                                                    features.data());
                        }});
      }
      const int n = images.size();
      if (n == 0) continue;
      rows.push_back({std::string(precision) + " + decode", threads, n,
                      [&images, extractor = extractors.back().get()] {
                        for (const auto& feature : extractor->Extract(images)) {
                          RETURN_IF_ERROR(feature.status());
                        }
                        return absl::OkStatus();
                      }});
    }
  }
  for (int round = 0; round <= rounds; ++round) {
    for (Row& row : rows) {
      features.resize(size_t{8} * 512 * 49);
      const Stopwatch watch;
      const absl::Status status = row.run();
      const double seconds = watch.Seconds();
      if (!status.ok()) {
        std::printf("%s\n", status.ToString().c_str());
        return 1;
      }
      if (round > 0) row.seconds.push_back(seconds);  // the first warms up
    }
  }
  std::printf("%-22s %7s %5s %9s %9s\n", "how", "threads", "batch", "images/s",
              "ms/image");
  for (Row& row : rows) {
    std::sort(row.seconds.begin(), row.seconds.end());
    const double median = row.seconds[row.seconds.size() / 2];
    std::printf("%-22s %7d %5d %9.2f %9.1f\n", row.name.c_str(), row.threads,
                row.n, row.n / median, 1000 * median / row.n);
  }
  return 0;
}

}  // namespace
}  // namespace nevus

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 5;
  return nevus::Run(rounds, nevus::ReadFiles(std::max(0, argc - 2), argv + 2));
}
