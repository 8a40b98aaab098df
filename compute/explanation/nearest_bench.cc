// How long does a search for the nearest five take?
//
//   bazel run //compute/explanation:nearest_bench [ROWS [DIMENSION]]
//
// One thread. The median of 21 searches, and beside it, taken in turns, one
// pass that only reads the same memory: the least that any exact search takes.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include "base/clock.h"
#include "compute/explanation/nearest.h"

namespace nevus {
namespace {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

int Run(int rows, int dimension) {
  std::minstd_rand random(1);
  std::vector<float> features(static_cast<size_t>(rows) * dimension);
  for (float& number : features) number = static_cast<float>(random() % 1000);
  const std::vector<float> read = features;
  const NearestIndex index(std::move(features), dimension);
  std::vector<double> searches;
  std::vector<double> reads;
  double sum = 0;
  for (int round = 0; round < 21; ++round) {
    std::vector<float> probe(dimension);
    for (float& number : probe) number = static_cast<float>(random() % 1000);
    const Stopwatch searching;
    sum += index.Search(probe.data(), 5)[0].distance;
    searches.push_back(searching.Seconds());
    const Stopwatch reading;
    float lanes[16] = {};
    for (size_t i = 0; i + 16 <= read.size(); i += 16) {
      for (size_t lane = 0; lane < 16; ++lane) lanes[lane] += read[i + lane];
    }
    sum += lanes[0];
    reads.push_back(reading.Seconds());
  }
  std::printf(
      "nearest 5 of %d cases of %d numbers: %.1f ms (reading alone %.1f ms, "
      "checksum %g)\n",
      rows, dimension, 1e3 * Median(searches), 1e3 * Median(reads), sum);
  return 0;
}

}  // namespace
}  // namespace nevus

int main(int argc, char** argv) {
  const int rows = argc > 1 ? std::atoi(argv[1]) : 100000;
  const int dimension = argc > 2 ? std::atoi(argv[2]) : 512;
  if (rows < 1 || dimension < 1) {
    std::fprintf(stderr, "usage: nearest_bench [ROWS [DIMENSION]]\n");
    return 2;
  }
  return nevus::Run(rows, dimension);
}
