/// Chats as the text that a model was trained on, by the Jinja template in its file.
@NullMarked
package dev.whittle.chat;

import org.jspecify.annotations.NullMarked;
