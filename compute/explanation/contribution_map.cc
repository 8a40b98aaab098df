// ... -> logit -> [contribution map]: the gradient by hand, then one product.
#include "compute/explanation/contribution_map.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "compute/feature/views.h"

namespace nevus {
namespace {

// Where the places of a view are in the upright image.
std::vector<float> UprightPlaces(int view, const Cut& cut) {
  std::vector<float> places(static_cast<size_t>(cut.width) * cut.height);
  std::iota(places.begin(), places.end(), 0.0f);
  if (view == 0) return places;
  std::vector<float> turned(places.size());
  MakeView(places.data(), /*channels=*/1, cut.width, view, turned.data());
  return turned;
}

// What each place of a view adds, given the gradient at the feature.
std::vector<double> SumsOfView(const Head& head,
                               const std::vector<float>& gradient,
                               const float* activation, const Cut& cut,
                               Pooling pooling) {
  const size_t area = static_cast<size_t>(cut.width) * cut.height;
  std::vector<double> sums(area);
  for (size_t channel = 0; channel < static_cast<size_t>(cut.channels);
       ++channel) {
    const float* const plane = activation + channel * area;
    switch (pooling) {
      case Pooling::kAverage:
        for (size_t at = 0; at < area; ++at) {
          sums[at] += static_cast<double>(gradient[channel]) *
                      (plane[at] - head.mean[channel]) /
                      static_cast<double>(area);
        }
        break;
      case Pooling::kMax: {
        const float* const most = std::max_element(plane, plane + area);
        sums[static_cast<size_t>(most - plane)] +=
            static_cast<double>(gradient[channel]) *
            (*most - head.mean[channel]);
        break;
      }
      case Pooling::kFlatten:
        for (size_t at = 0; at < area; ++at) {
          const size_t input = channel * area + at;
          sums[at] += static_cast<double>(gradient[input]) *
                      (plane[at] - head.mean[input]);
        }
        break;
    }
  }
  return sums;
}

}  // namespace

std::vector<float> LogitGradient(const Head& head, const float* feature) {
  const size_t inputs = head.inputs;
  std::vector<double> gradient(inputs);  // for z, the standardised input
  if (head.hidden == 0) {
    gradient.assign(head.w2.begin(), head.w2.end());
  } else {
    std::vector<float> z(inputs);
    for (size_t i = 0; i < inputs; ++i) {
      z[i] = (feature[i] - head.mean[i]) * head.inverse_std[i];
    }
    for (size_t unit = 0; unit < head.w2.size(); ++unit) {
      const float* const weights = &head.w1[unit * inputs];
      double sum = head.b1[unit];
      for (size_t i = 0; i < inputs; ++i) {
        sum += static_cast<double>(weights[i]) * z[i];
      }
      if (!(sum > 0)) continue;
      for (size_t i = 0; i < inputs; ++i) {
        gradient[i] += static_cast<double>(head.w2[unit]) * weights[i];
      }
    }
  }
  std::vector<float> result(inputs);
  for (size_t i = 0; i < inputs; ++i) {
    result[i] = static_cast<float>(gradient[i] * head.inverse_std[i]);
  }
  return result;
}

ContributionMap MapContributions(
    const Head& head, const std::vector<std::vector<float>>& activations,
    const float* feature, const Cut& cut, Pooling pooling) {
  const std::vector<float> gradient = LogitGradient(head, feature);
  std::vector<double> sums(static_cast<size_t>(cut.width) * cut.height);
  for (size_t view = 0; view < activations.size(); ++view) {
    const std::vector<double> of_view =
        SumsOfView(head, gradient, activations[view].data(), cut, pooling);
    const std::vector<float> places =
        UprightPlaces(static_cast<int>(view), cut);
    for (size_t at = 0; at < of_view.size(); ++at) {
      sums[static_cast<size_t>(places[at])] +=
          of_view[at] / static_cast<double>(activations.size());
    }
  }
  ContributionMap map;
  map.width = cut.width;
  map.height = cut.height;
  map.base = Logit(head, feature);
  for (const double sum : sums) {
    map.contributions.push_back(static_cast<float>(sum));
    map.base -= sum;
  }
  return map;
}

}  // namespace nevus
