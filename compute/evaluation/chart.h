// A small line chart in the unit square, as inline SVG.
//
// ... -> evaluation -> [report]. Both axes run from 0 to 1: sensitivity,
// precision, probability. Colours come from the page's CSS classes
// (page_style.h), so that one drawing serves light, dark and paper. Knows no
// figure's meaning.
#ifndef NEVUS_COMPUTE_EVALUATION_CHART_H_
#define NEVUS_COMPUTE_EVALUATION_CHART_H_

#include <string>
#include <vector>

namespace nevus {

// A place in the unit square; what lies outside is clipped to it.
struct ChartPoint {
  double x = 0;
  double y = 0;
};

// Thread-compatible. Texts are escaped here.
class Chart {
 public:
  // `description` is read aloud in place of the drawing.
  Chart(const std::string& title, const std::string& description,
        const std::string& x_label, const std::string& y_label);

  // The region below the line through `points`, from left to right.
  void Area(const std::vector<ChartPoint>& points);
  void Line(const std::vector<ChartPoint>& points);
  // What a classifier without skill, or a perfect calibration, would draw.
  void Reference(const ChartPoint& from, const ChartPoint& to);
  // A dot with an upright bar from `low` to `high`.
  void DotWithInterval(const ChartPoint& point, double low, double high);
  // A disc that bears `text`, a character or two, and shows `tooltip`.
  void Marker(const ChartPoint& point, const std::string& text,
              const std::string& tooltip);

  std::string Svg() const;

 private:
  std::string svg_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_EVALUATION_CHART_H_
