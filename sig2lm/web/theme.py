"""Gradio's components in the colours of all pages, with the fonts that are there: nothing is fetched."""

import gradio as gr

_FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
_MONOSPACED = ["ui-monospace", "SF Mono", "Menlo", "Consolas", "Liberation Mono", "monospace"]
_SOFT_ACCENT = "color-mix(in srgb, var(--accent) 13%, var(--card))"
# palette.css follows light and dark by itself, so that each holds for both.
_COLOURS = {
    "body_background_fill": "var(--page)",
    "body_text_color": "var(--ink)",
    "body_text_color_subdued": "var(--soft)",
    "background_fill_primary": "var(--card)",
    "background_fill_secondary": "var(--page)",
    "border_color_primary": "var(--line)",
    "border_color_accent": "var(--accent)",
    "color_accent_soft": _SOFT_ACCENT,
    "link_text_color": "var(--accent)",
    "block_background_fill": "var(--card)",
    "block_border_color": "var(--line)",
    "block_info_text_color": "var(--soft)",
    "block_label_background_fill": "var(--card)",
    "block_label_border_color": "var(--line)",
    "block_label_text_color": "var(--soft)",
    "block_title_text_color": "var(--soft)",
    "accordion_text_color": "var(--ink)",
    "input_background_fill": "var(--page)",
    "input_background_fill_focus": "var(--page)",
    "input_border_color": "var(--line)",
    "input_border_color_focus": "var(--accent)",
    "input_placeholder_color": "var(--soft)",
    "checkbox_background_color": "var(--page)",
    "checkbox_background_color_selected": "var(--accent)",
    "checkbox_border_color": "var(--soft)",
    "checkbox_label_background_fill": "var(--card)",
    "checkbox_label_text_color": "var(--ink)",
    "loader_color": "var(--accent)",
    "button_primary_background_fill": "var(--accent)",
    "button_primary_background_fill_hover": "color-mix(in srgb, var(--accent) 85%, var(--ink))",
    "button_primary_text_color": "var(--page)",
    "button_primary_border_color": "var(--accent)",
    "button_secondary_background_fill": "var(--card)",
    "button_secondary_background_fill_hover": _SOFT_ACCENT,
    "button_secondary_text_color": "var(--ink)",
    "button_secondary_border_color": "var(--line)",
}
_SHAPES = {
    "block_shadow": "none",
    "block_radius": "12px",
    "button_border_width": "1px",
    "button_large_text_weight": "500",
    "button_small_text_weight": "500",
    "color_accent": "var(--accent)",
    "layout_gap": "12px",
}


def theme() -> gr.themes.Base:
    """Return the theme."""
    dark = {f"{name}_dark": value for name, value in _COLOURS.items()}
    return gr.themes.Base(font=_FONTS, font_mono=_MONOSPACED).set(**_COLOURS, **dark, **_SHAPES)
